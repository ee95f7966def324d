namespace Rudder.Checkpoints.Tests;

/// <summary>Whole models: every format and name style gives the same weights; incomplete and foreign ones are refused.</summary>
public class ModelWeightsTests
{
    private static readonly Gpt2Config Gpt2 = ModelConfig.Load<Gpt2Config>(Fixtures.Gpt2);
    private static readonly RobertaConfig Roberta = ModelConfig.Load<RobertaConfig>(Fixtures.Roberta);

    [Theory]
    [InlineData("model.no-prefix.safetensors")] // with mask buffers
    [InlineData("pytorch_model.bin")]
    public void LoadGpt2_OtherFormatsAndNames_EqualBitForBit(string file)
    {
        using var weights = Weights.OpenFile(Path.Combine(Fixtures.Gpt2, file));

        var loaded = ModelWeights.LoadGpt2(weights, Gpt2);

        Assert.Equal(ModelWeights.LoadGpt2(Fixtures.Gpt2, Gpt2), loaded);
        Assert.Equal(28, loaded.Count);
    }

    [Fact]
    public void LoadRoberta_PyTorchFile_EqualsSafetensorsBitForBit()
    {
        using var weights = Weights.OpenFile(Path.Combine(Fixtures.Roberta, "pytorch_model.bin"));

        Assert.Equal(ModelWeights.LoadRoberta(Fixtures.Roberta, Roberta), ModelWeights.LoadRoberta(weights, Roberta));
    }

    [Fact]
    public void LoadGpt2_WrittenAsF16_KeepsEveryHalf()
    {
        using var folder = new TemporaryFolder();
        var original = ModelWeights.LoadGpt2(Fixtures.Gpt2, Gpt2);
        Write(folder, Gpt2Names.Expected(Gpt2).Select(n => ("transformer." + n.Name, n.Shape, original[n.Name])), WeightType.F16);

        var halves = ModelWeights.LoadGpt2(folder.Path, Gpt2);

        Assert.All(original, pair => Assert.Equal(pair.Value.Select(v => (float)(Half)v), halves[pair.Key]));
    }

    [Theory]
    [InlineData(0f, true)]
    [InlineData(0.5f, false)]
    public void LoadGpt2_StoredHead_MustEqualTheEmbedding(float change, bool accepted)
    {
        using var folder = new TemporaryFolder();
        var model = ModelWeights.LoadGpt2(Fixtures.Gpt2, Gpt2);
        float[] head = [.. model["wte.weight"]];
        head[5] += change;
        Write(folder, Gpt2Names.Expected(Gpt2).Select(n => (n.Name, n.Shape, model[n.Name])).Append(("lm_head.weight", [512L, 32], head)));

        var error = Record.Exception(() => ModelWeights.LoadGpt2(folder.Path, Gpt2));

        Assert.Equal(accepted, error is null);
        Assert.Contains(accepted ? "" : "'lm_head.weight' differs from the token embedding at index 5", error?.Message ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void LoadGpt2_TensorMissing_NamesIt()
    {
        using var folder = new TemporaryFolder();
        Write(folder, Stored().Where(t => t.Name != "transformer.h.1.mlp.c_fc.bias"));

        var error = Assert.Throws<CheckpointException>(() => ModelWeights.LoadGpt2(folder.Path, Gpt2));

        Assert.Contains("1 expected tensors are missing: h.1.mlp.c_fc.bias", error.Message, StringComparison.Ordinal);
        Assert.Contains(folder.File("model.safetensors"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LoadGpt2_TensorTooMany_NamesIt()
    {
        using var folder = new TemporaryFolder();
        Write(folder, Stored().Append(("transformer.h.0.attn.q_norm.weight", [1L], [1f])));

        var error = Assert.Throws<CheckpointException>(() => ModelWeights.LoadGpt2(folder.Path, Gpt2));

        Assert.Contains("transformer.h.0.attn.q_norm.weight", error.Message, StringComparison.Ordinal);
        Assert.Contains("no place in the model", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LoadGpt2_BothNameStylesAtOnce_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Write(folder, Stored().Append(("ln_f.bias", [32L], new float[32])));

        var error = Assert.Throws<CheckpointException>(() => ModelWeights.LoadGpt2(folder.Path, Gpt2));

        Assert.Contains("'ln_f.bias' and 'transformer.ln_f.bias' are the same weight", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LoadGpt2_OtherConfig_NamesExpectedAndFoundShape()
    {
        var error = Assert.Throws<CheckpointException>(() => ModelWeights.LoadGpt2(Fixtures.Gpt2, Gpt2 with { VocabularySize = 500 }));

        Assert.All(["wte.weight", "[512,32]", "[500,32]"], part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void LoadGpt2_RobertaFolder_IsRefused()
    {
        var error = Assert.Throws<CheckpointException>(() => ModelWeights.LoadGpt2(Fixtures.Roberta, Gpt2));

        Assert.Contains("28 expected tensors are missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LoadGpt2_NaN_NamesFileTensorAndIndex()
    {
        using var folder = new TemporaryFolder();
        Write(folder, Stored());
        byte[] bytes = File.ReadAllBytes(folder.File("model.safetensors"));
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), float.NaN);
        File.WriteAllBytes(folder.File("model.safetensors"), bytes);

        var error = Assert.Throws<CheckpointException>(() => ModelWeights.LoadGpt2(folder.Path, Gpt2));

        Assert.Contains("'transformer.ln_f.bias' holds NaN at index 31", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LoadRoberta_PoolerAndPositionIds_AreIgnored()
    {
        using var folder = new TemporaryFolder();
        var model = ModelWeights.LoadRoberta(Fixtures.Roberta, Roberta);
        Write(folder, RobertaNames.Expected(Roberta).Select(n => (n.Name, n.Shape, model[n.Name]))
            .Append(("roberta.pooler.dense.bias", [32L], new float[32])).Append(("roberta.embeddings.position_ids", [1L, 2], new float[2])));

        Assert.Equal(model, ModelWeights.LoadRoberta(folder.Path, Roberta));
    }

    private static IEnumerable<(string Name, long[] Shape, float[] Values)> Stored()
    {
        using var weights = Weights.Open(Fixtures.Gpt2);
        return [.. weights.Tensors.Select(t => (t.Name, t.Shape, weights.ReadFloat32(t.Name)))];
    }

    private static void Write(
        TemporaryFolder folder, IEnumerable<(string Name, long[] Shape, float[] Values)> tensors, WeightType type = WeightType.F32) =>
        SafetensorsWriter.Write(
            folder.File("model.safetensors"), [.. tensors.Select(t => (t.Name, t.Shape, (ReadOnlyMemory<float>)t.Values))], type);
}
