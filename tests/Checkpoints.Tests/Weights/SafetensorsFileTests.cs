namespace Rudder.Checkpoints.Tests;

/// <summary>Sound safetensors files are read, unsound ones refused with what is wrong.</summary>
public class SafetensorsFileTests
{
    [Theory]
    [InlineData("F16", new byte[] { 0x00, 0x3C, 0x00, 0xC1, 0xFF, 0x7B }, new[] { 1f, -2.5f, 65504f })]
    [InlineData("BF16", new byte[] { 0x80, 0x3F, 0x20, 0xC0, 0x7F, 0x7F }, new[] { 1f, -2.5f, 3.3895314E38f })]
    [InlineData("F32", new byte[] { 0, 0, 0x80, 0x3F, 0, 0, 0x20, 0xC0, 0, 0, 0x80, 0xBF }, new[] { 1f, -2.5f, -1f })]
    public void ReadFloat32_EachType_GivesItsValues(string type, byte[] data, float[] expected)
    {
        using var folder = new TemporaryFolder();
        string header = $$"""{"w":{"dtype":"{{type}}","shape":[3],"data_offsets":[0,{{data.Length}}]} }""";
        File.WriteAllBytes(folder.File("model.safetensors"), WeightBytes.Safetensors(header, data));

        using var weights = Weights.Open(folder.Path);

        Assert.Equal(expected, weights.ReadFloat32("w", 3));
        Assert.Equal(Enum.Parse<WeightType>(type), weights["w"].Type);
    }

    [Theory]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "holds 4 bytes of data", "describes 8", "truncated")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "holds 12 bytes of data", "describes 8", "too long")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "'w'", "[2]", "expected are 8 bytes")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}""", 8, "'w'", "8 to 4", "expected are 4 bytes")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}""", 8, "'w'", "-4 to 0", "expected are 4 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "'b'", "at byte 4", "overlap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 12, "'b'", "at byte 8", "gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "twice", "'a'", "JSON")]
    [InlineData("""{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "'w'", "impossible shape", "4294967296")]
    [InlineData("""{"w":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}""", 4, "'w'", "impossible shape", "[-1,-1]")]
    [InlineData("""{"w":{"dtype":"F32","shape":[9223372036854775807,0],"data_offsets":[0,4]}}""", 4, "'w'", "impossible shape", "9223372036854775807")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1e3],"data_offsets":[0,4]}}""", 4, "'w'", "dtype, shape", "data_offsets")]
    [InlineData("""{"w":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}""", 4, "'w'", "'F8_E4M3'", "not supported")]
    [InlineData("""{"w":[1,2]}""", 0, "'w'", "dtype", "data_offsets")]
    [InlineData("""[1,2]""", 0, "not a JSON object", "header", "damaged")]
    [InlineData("""{"w":""", 0, "not valid JSON", "header", "damaged")]
    public void OpenFile_UnsoundHeader_SaysWhatIsWrong(string header, int dataBytes, params string[] parts)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.safetensors");
        File.WriteAllBytes(path, WeightBytes.Safetensors(header, new byte[dataBytes]));

        var error = Assert.Throws<CheckpointException>(() => Weights.OpenFile(path));

        Assert.All(parts.Append(path), part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(3L)]
    [InlineData(1L << 40)]
    [InlineData(-1L)]
    public void OpenFile_HeaderLengthBeyondTheFile_SaysBothLengths(long length)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.safetensors");
        File.WriteAllBytes(path, WeightBytes.Safetensors("{}", [], length));

        var error = Assert.Throws<CheckpointException>(() => Weights.OpenFile(path));

        Assert.Contains($"a header of {(ulong)length} bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains("the file has 2 after", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenFile_EmptyFile_SaysItsLength()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model.safetensors"), []);

        var error = Assert.Throws<CheckpointException>(() => Weights.Open(folder.Path));

        Assert.Contains("is 0 bytes long", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "an infinity")]
    [InlineData(float.NegativeInfinity, "an infinity")]
    public void ReadFloat32_ValueThatIsNoNumber_NamesFileTensorAndIndex(float value, string found)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.safetensors");
        const string header = """{"h.0.ln_1.bias":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}""";
        File.WriteAllBytes(path, WeightBytes.Safetensors(header, WeightBytes.Floats(1, 2, value)));
        using var weights = Weights.Open(folder.Path);

        var error = Assert.Throws<CheckpointException>(() => weights.ReadFloat32("h.0.ln_1.bias", 3));

        Assert.All(
            [path, "'h.0.ln_1.bias'", found, "index 2"],
            part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        Assert.Equal(3, weights.ReadFloat32("h.0.ln_1.bias").Length);
    }

    [Fact]
    public void ReadFloat32_OtherShape_NamesBoth()
    {
        using var weights = Weights.Open(Fixtures.Gpt2);

        var error = Assert.Throws<CheckpointException>(() => weights.ReadFloat32("transformer.wte.weight", 512, 64));

        Assert.All(
            ["model.safetensors", "'transformer.wte.weight'", "[512,32]", "[512,64]", "config.json"],
            part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void ReadFloat32_MissingTensor_NamesIt()
    {
        using var weights = Weights.Open(Fixtures.Gpt2);

        var error = Assert.Throws<CheckpointException>(() => weights.ReadFloat32("transformer.h.2.ln_1.bias"));

        Assert.Contains("'transformer.h.2.ln_1.bias' is missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadFloat32_IntegerTensor_IsRefused()
    {
        using var folder = new TemporaryFolder();
        const string header = """{"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}""";
        File.WriteAllBytes(folder.File("model.safetensors"), WeightBytes.Safetensors(header, new byte[8]));
        using var weights = Weights.Open(folder.Path);

        var error = Assert.Throws<CheckpointException>(() => weights.ReadFloat32("ids"));

        Assert.Contains("'ids' has type I64", error.Message, StringComparison.Ordinal);
    }
}
