namespace Rudder.Checkpoints.Tests;

/// <summary>What graphs state about themselves.</summary>
public class GraphMetadataTests
{
    [Fact]
    public void Read_WrittenEntries_IsEqual()
    {
        var metadata = GraphMetadata.Of(ModelConfig.Load(Fixtures.Gpt2), "abc", GraphPrecision.Int8);

        var read = GraphMetadata.Read(metadata.Entries().ToDictionary(entry => entry.Key, entry => entry.Value), "model.onnx");

        Assert.Equal(new GraphMetadata("abc", "int8", Layers: 2, Heads: 4, HeadSize: 8, Vocabulary: 512, Context: 64), read);
    }

    [Theory]
    [InlineData("layers", null)]
    [InlineData("layers", "two")]
    [InlineData("context", "0")]
    [InlineData("vocabulary", "-1")]
    public void Read_EntryMissingOrNotAPositiveNumber_IsNamed(string key, string? value)
    {
        var entries = GraphMetadata.Of(ModelConfig.Load(Fixtures.Gpt2), "abc", GraphPrecision.Fp32).Entries()
            .Select(entry => (entry.Key, Value: entry.Key.EndsWith(key, StringComparison.Ordinal) ? value : entry.Value))
            .Where(entry => entry.Value is not null)
            .ToDictionary(entry => entry.Key, entry => entry.Value!);

        var error = Assert.Throws<CheckpointException>(() => GraphMetadata.Read(entries, "model.onnx"));

        Assert.Contains($"rudder.{key}'", error.Message, StringComparison.Ordinal);
    }
}
