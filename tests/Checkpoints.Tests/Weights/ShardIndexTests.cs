namespace Rudder.Checkpoints.Tests;

/// <summary>Models spread over several files.</summary>
public class ShardIndexTests
{
    [Fact]
    public void Open_TwoShards_EqualsTheOneFile()
    {
        using var folder = new TemporaryFolder();
        Shards.Write(folder.Path);

        Assert.Equal(Tensors(Fixtures.Gpt2), Tensors(folder.Path));

        static Dictionary<string, float[]> Tensors(string folder)
        {
            using var weights = Weights.Open(folder);
            return weights.Tensors.ToDictionary(tensor => tensor.Name, tensor => weights.ReadFloat32(tensor.Name));
        }
    }

    [Theory]
    [InlineData("../model-00001-of-00002.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("a\\b.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    public void Open_FileOutsideTheFolder_IsRefused(string file)
    {
        using var folder = new TemporaryFolder();
        Shards.Write(folder.Path, (name, right) => name.EndsWith("wte.weight", StringComparison.Ordinal) ? file : right);

        var error = Assert.Throws<CheckpointException>(() => Weights.Open(folder.Path));

        Assert.Contains($"names '{file}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("same folder", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_MissingShard_NamesIt()
    {
        using var folder = new TemporaryFolder();
        Shards.Write(folder.Path);
        File.Delete(folder.File(Shards.Second));

        var error = Assert.Throws<CheckpointException>(() => Weights.Open(folder.Path));

        Assert.Contains(folder.File(Shards.Second), error.Message, StringComparison.Ordinal);
        Assert.Contains("not found", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_IndexPointsToTheWrongShard_NamesTensorAndShard()
    {
        using var folder = new TemporaryFolder();
        Shards.Write(folder.Path, (name, right) => name.EndsWith("wte.weight", StringComparison.Ordinal) ? Shards.Second : right);

        var error = Assert.Throws<CheckpointException>(() => Weights.Open(folder.Path));

        Assert.Contains("'transformer.wte.weight'", error.Message, StringComparison.Ordinal);
        Assert.Contains(Shards.First, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "weight_map")]
    [InlineData("""{"weight_map":{"a":7}}""", "weight_map['a']")]
    [InlineData("""{"weight_map":{"a":"model.exe"}}""", "supported are .safetensors")]
    [InlineData("[", "not valid JSON")]
    public void Open_UnsoundIndex_SaysWhatIsWrong(string json, string part)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("model.safetensors.index.json"), json);

        var error = Assert.Throws<CheckpointException>(() => Weights.Open(folder.Path));

        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }
}
