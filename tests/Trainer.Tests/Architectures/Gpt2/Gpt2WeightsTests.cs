using Rudder.Checkpoints;
using Rudder.Trainer.Architectures.Gpt2;

namespace Rudder.Trainer.Tests.Architectures.Gpt2;

/// <summary>Whole models: every format and name style gives the same weights; incomplete and foreign ones are refused.</summary>
public class Gpt2WeightsTests
{
    private static readonly string Tiny = FixtureFiles.Folder("tiny-gpt2");
    private static readonly Gpt2Config Config = ModelConfig.Load<Gpt2Config>(Tiny);

    [Theory]
    [InlineData("model.no-prefix.safetensors")] // with mask buffers
    [InlineData("pytorch_model.bin")]
    public void Load_OtherFormatsAndNames_EqualBitForBit(string file)
    {
        using var weights = Weights.OpenFile(Path.Combine(Tiny, file));

        var loaded = Gpt2Weights.Load(weights, Config);

        Assert.Equal(Load(Tiny), loaded);
        Assert.Equal(28, loaded.Count);
    }

    [Fact]
    public void Load_WrittenAsF16_KeepsEveryHalf()
    {
        using var folder = new TemporaryFolder();
        var original = Load(Tiny);
        Write(folder, Gpt2Weights.Expected(Config).Select(n => ("transformer." + n.Name, n.Shape, original[n.Name])), WeightType.F16);

        var halves = Load(folder.Path);

        Assert.All(original, pair => Assert.Equal(pair.Value.Select(v => (float)(Half)v), halves[pair.Key]));
    }

    [Theory]
    [InlineData(0f, true)]
    [InlineData(0.5f, false)]
    public void Load_StoredHead_MustEqualTheEmbedding(float change, bool accepted)
    {
        using var folder = new TemporaryFolder();
        var model = Load(Tiny);
        float[] head = [.. model["wte.weight"]];
        head[5] += change;
        Write(folder, Gpt2Weights.Expected(Config).Select(n => (n.Name, n.Shape, model[n.Name])).Append(("lm_head.weight", [512L, 32], head)));

        var error = Record.Exception(() => Load(folder.Path));

        Assert.Equal(accepted, error is null);
        Assert.Contains(accepted ? "" : "'lm_head.weight' differs from the token embedding at index 5", error?.Message ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void Load_TensorMissing_NamesIt()
    {
        using var folder = new TemporaryFolder();
        Write(folder, Stored().Where(t => t.Name != "transformer.h.1.mlp.c_fc.bias"));

        var error = Assert.Throws<CheckpointException>(() => Load(folder.Path));

        Assert.Contains("1 expected tensors are missing: h.1.mlp.c_fc.bias", error.Message, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(folder.Path, "model.safetensors"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_TensorTooMany_NamesIt()
    {
        using var folder = new TemporaryFolder();
        Write(folder, Stored().Append(("transformer.h.0.attn.q_norm.weight", [1L], [1f])));

        var error = Assert.Throws<CheckpointException>(() => Load(folder.Path));

        Assert.Contains("transformer.h.0.attn.q_norm.weight", error.Message, StringComparison.Ordinal);
        Assert.Contains("no place in the model", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_BothNameStylesAtOnce_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Write(folder, Stored().Append(("ln_f.bias", [32L], new float[32])));

        var error = Assert.Throws<CheckpointException>(() => Load(folder.Path));

        Assert.Contains("'ln_f.bias' and 'transformer.ln_f.bias' are the same weight", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OtherConfig_NamesExpectedAndFoundShape()
    {
        var error = Assert.Throws<CheckpointException>(() => Load(Tiny, Config with { VocabularySize = 500 }));

        Assert.All(["wte.weight", "[512,32]", "[500,32]"], part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Load_RobertaFolder_IsRefused()
    {
        var error = Assert.Throws<CheckpointException>(() => Load(FixtureFiles.Folder("tiny-roberta")));

        Assert.Contains("28 expected tensors are missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NaN_NamesFileTensorAndIndex()
    {
        using var folder = new TemporaryFolder();
        Write(folder, Stored());
        byte[] bytes = File.ReadAllBytes(Path.Combine(folder.Path, "model.safetensors"));
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), float.NaN);
        File.WriteAllBytes(Path.Combine(folder.Path, "model.safetensors"), bytes);

        var error = Assert.Throws<CheckpointException>(() => Load(folder.Path));

        Assert.Contains("'transformer.ln_f.bias' holds NaN at index 31", error.Message, StringComparison.Ordinal);
    }

    private static IReadOnlyDictionary<string, float[]> Load(string folder, Gpt2Config? config = null)
    {
        using var weights = Weights.Open(folder);
        return Gpt2Weights.Load(weights, config ?? Config);
    }

    private static IEnumerable<(string Name, long[] Shape, float[] Values)> Stored()
    {
        using var weights = Weights.Open(Tiny);
        return [.. weights.Tensors.Select(t => (t.Name, t.Shape, weights.ReadFloat32(t.Name)))];
    }

    private static void Write(
        TemporaryFolder folder, IEnumerable<(string Name, long[] Shape, float[] Values)> tensors, WeightType type = WeightType.F32) =>
        SafetensorsWriter.Write(
            Path.Combine(folder.Path, "model.safetensors"), [.. tensors.Select(t => (t.Name, t.Shape, (ReadOnlyMemory<float>)t.Values))], type);
}
