using System.Text;

namespace Rudder.Checkpoints.Tests;

/// <summary>What is written is read back, and is what other libraries read.</summary>
public class SafetensorsWriterTests
{
    private static readonly float[] Values = [1f, -2.5f, 0.1f, 65504f, 5.9604645E-08f, 0f];

    [Fact]
    public void Write_F32_ReadsBackBitForBit()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.safetensors");

        SafetensorsWriter.Write(path, [("a", [2, 3], Values), ("b", [], new float[] { 7 }), ("empty", [0, 4], Array.Empty<float>())], WeightType.F32);

        using var weights = Weights.OpenFile(path);
        Assert.Equal(Values, weights.ReadFloat32("a", 2, 3));
        Assert.Equal([7f], weights.ReadFloat32("b", []));
        Assert.Empty(weights.ReadFloat32("empty", 0, 4));
        Assert.Equal(["a", "b", "empty"], weights.Tensors.Select(t => t.Name));
    }

    [Fact]
    public void Write_F16_RoundsToNearestHalf()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.safetensors");

        SafetensorsWriter.Write(path, [("a", [6], Values)], WeightType.F16);

        using var weights = Weights.OpenFile(path);
        Assert.Equal(WeightType.F16, weights["a"].Type);
        Assert.Equal([1f, -2.5f, 0.099975586f, 65504f, 5.9604645E-08f, 0f], weights.ReadFloat32("a", 6));
    }

    [Fact]
    public void Write_LargeTensor_CrossesChunksUnharmed()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.safetensors");
        float[] many = [.. Enumerable.Range(0, 200_003).Select(i => i / 8f % 1000)];

        SafetensorsWriter.Write(path, [("a", [many.Length], many)], WeightType.F16);

        using var weights = Weights.OpenFile(path);
        Assert.Equal(many.Select(v => (float)(Half)v), weights.ReadFloat32("a", many.Length));
    }

    [Fact]
    public void Write_Metadata_StandsInAnAlignedHeader()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.safetensors");

        SafetensorsWriter.Write(path, [("a", [1], new float[] { 1 })], WeightType.F32, new Dictionary<string, string> { ["step"] = "7" });

        byte[] bytes = File.ReadAllBytes(path);
        long header = BitConverter.ToInt64(bytes);
        Assert.Equal(0, header % 8);
        Assert.StartsWith("""{"__metadata__":{"format":"pt","step":"7"},"a":""", Encoding.UTF8.GetString(bytes, 8, (int)header), StringComparison.Ordinal);
        Assert.Equal(8 + header + 4, bytes.Length);
    }

    [Theory]
    [InlineData(70000f, WeightType.F16, "70000")]
    [InlineData(float.NaN, WeightType.F32, "NaN")]
    public void Write_ValueThatCannotBeStored_WritesNothing(float value, WeightType type, string shown)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.safetensors");

        var error = Assert.Throws<CheckpointException>(() => SafetensorsWriter.Write(path, [("w", [2], new[] { 0f, value })], type));

        Assert.All([path, "'w'", shown, "index 1"], part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Write_ShapeThatDoesNotFitTheValues_IsAnArgumentError() =>
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write("unused", [("w", [3], new float[2])], WeightType.F32));

    [Theory]
    [InlineData("w", "w", "'w' cannot name a tensor: it is used 2 times")]
    [InlineData("w", "__metadata__", "'__metadata__' cannot name a tensor")]
    public void Write_NameThatCannotBe_IsAnArgumentError(string first, string second, string part)
    {
        var error = Assert.Throws<ArgumentException>(
            () => SafetensorsWriter.Write("unused", [(first, [1], new float[1]), (second, [1], new float[1])], WeightType.F32));

        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }
}
