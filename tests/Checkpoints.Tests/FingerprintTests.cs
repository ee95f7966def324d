namespace Rudder.Checkpoints.Tests;

/// <summary>What a fingerprint covers and what not.</summary>
public class FingerprintTests
{
    [Fact]
    public void OfFolder_CardAndGraphsAdded_StaysTheSame()
    {
        using var folder = Copy();
        string before = Fingerprint.OfFolder(folder.Path);

        AtomicFile.WriteText(folder.File("README.md"), "A card");
        AtomicFile.WriteText(folder.File("onnx/model.onnx"), "A graph");
        AtomicFile.WriteText(folder.File("generation_config.json"), "{}");

        Assert.Equal(before, Fingerprint.OfFolder(folder.Path));
        Assert.Matches("^[0-9a-f]{64}$", before);
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    public void OfFolder_OneByteChanged_Changes(string name)
    {
        using var folder = Copy();
        string before = Fingerprint.OfFolder(folder.Path);
        byte[] bytes = File.ReadAllBytes(folder.File(name));
        bytes[^2] ^= 1;
        File.WriteAllBytes(folder.File(name), bytes);

        Assert.NotEqual(before, Fingerprint.OfFolder(folder.Path));
    }

    [Fact]
    public void OfFolder_ShardChanged_Changes()
    {
        using var folder = new TemporaryFolder();
        Shards.Write(folder.Path);
        File.Copy(Path.Combine(Fixtures.Gpt2, "config.json"), folder.File("config.json"));
        string before = Fingerprint.OfFolder(folder.Path);
        byte[] bytes = File.ReadAllBytes(folder.File(Shards.Second));
        bytes[^1] ^= 1;
        File.WriteAllBytes(folder.File(Shards.Second), bytes);

        Assert.NotEqual(before, Fingerprint.OfFolder(folder.Path));
    }

    [Fact]
    public void OfFolder_WithoutWeights_NamesWhatItLookedFor()
    {
        using var folder = new TemporaryFolder();

        var error = Assert.Throws<CheckpointException>(() => Fingerprint.OfFolder(folder.Path));

        Assert.Contains("model.safetensors", error.Message, StringComparison.Ordinal);
        Assert.Contains(folder.Path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OfTokenizer_FilesChanged_ChangesForItsOwnAlone()
    {
        using var folder = Copy();
        string before = Fingerprint.OfTokenizer(folder.Path);

        File.Delete(folder.File("model.safetensors"));
        Assert.Equal(before, Fingerprint.OfTokenizer(folder.Path));

        File.WriteAllText(folder.File("vocab.json"), "{ }");
        Assert.NotEqual(before, Fingerprint.OfTokenizer(folder.Path));
    }

    private static TemporaryFolder Copy()
    {
        var folder = new TemporaryFolder();
        File.Copy(Path.Combine(Fixtures.Gpt2, "model.safetensors"), folder.File("model.safetensors"));
        File.Copy(Path.Combine(Fixtures.Gpt2, "config.json"), folder.File("config.json"));
        File.WriteAllText(folder.File("tokenizer.json"), "{ }");
        return folder;
    }
}
