using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Architectures.GptNeoX;
using Rudder.Trainer.Data;
using Rudder.Trainer.Export;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Architectures.GptNeoX;

/// <summary>GPT-NeoX against float64 loops, and its graphs against the module and in the slot engine.</summary>
public sealed class GptNeoXTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true, 0.25)]
    [InlineData(true, 1)]
    [InlineData(false, 0.5)]
    public void Forward_RandomWeights_MatchesPlainLoops(bool parallel, double part)
    {
        using var scope = NewDisposeScope();
        GptNeoXConfig config = Config(heads: 2) with { IsParallel = parallel, RotaryPart = part };
        using GptNeoXModel model = Random(config);
        int[] ids = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];
        double[][] expected = ReferenceNeoX.Logits(config, model.Collect().ToDictionary(w => w.Name, w => w.Data.ToArray()), ids);
        float[] actual = [.. model.call(Collator.Pad([ids], 0, CPU)).data<float>()]; // [1,T,V]
        Assert.All(expected.SelectMany(row => row).Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 2e-5));
    }

    // Heads of 16 numbers of which 16 turn, in attention itself; of 16 or 8 of which 4 turn, in the graph.
    [Theory]
    [InlineData(2, 1, true)]
    [InlineData(2, 0.25, true)]
    [InlineData(4, 0.5, false)]
    public void Run_AnyRotaryPart_PassesTheCheckAndServesTheSame(int heads, double part, bool parallel)
    {
        using (GptNeoXModel model = Random(Config(heads) with { RotaryPart = part, IsParallel = parallel }))
        {
            ModelFolder.Save(model, _folder.Path, tokenizer: null, WeightType.F32);
        }

        ExportReport report = ModelExport.Run(_folder.Path, new ExportSettings { Int8 = true, Int8MaxKl = 0.1 }, threads: 1);
        var options = new EngineOptions { Threads = 1, MaxSlots = 2 };
        using var written = OnnxDecoder.Load(new GraphFolder(_folder.Path, _folder.File("onnx"), report) { AsWritten = true }, options, null);
        using var slots = SlotDecoder.Load(GraphFolder.Open(_folder.Path), options, null);
        foreach (IDecoder decoder in (IDecoder[])[written, slots])
        {
            decoder.Prefill([[1, 2, 3, 4, 5], [9, 8]], 0);
            decoder.Step([4, 5], [5, 2]);
            decoder.Extend(1, [7, 8, 9], 3);
        }

        Assert.All(written.Logits(0).ToArray().Zip(slots.Logits(0).ToArray()), pair => Assert.Equal(pair.First, pair.Second, 2e-5f));
        Assert.All(written.Logits(1).ToArray().Zip(slots.Logits(1).ToArray()), pair => Assert.Equal(pair.First, pair.Second, 2e-5f));
    }

    [Fact]
    public void Save_ThenLoad_KeepsConfigAndWeights()
    {
        GptNeoXConfig config = Config(heads: 2) with { RotaryPart = 0.5, IsParallel = false, Rotary = new RotaryPositions(5000) };
        using GptNeoXModel model = Random(config);
        ModelFolder.Save(model, _folder.Path, tokenizer: null, WeightType.F32);
        using var again = (GptNeoXModel)ModelFolder.Load<ILanguageModel>(_folder.Path, CPU, dropout: 0);
        var read = (GptNeoXConfig)again.Config;
        Assert.Equal((config.RotaryPart, config.IsParallel, config.Rotary, config.InnerSize), (read.RotaryPart, read.IsParallel, read.Rotary, read.InnerSize));
        Assert.All(model.Collect().Zip(again.Collect()), pair => Assert.True(pair.First.Data.Span.SequenceEqual(pair.Second.Data.Span), pair.First.Name));
        Assert.Equal("gpt_neox.layers.", again.BlockPrefix);
    }

    private static GptNeoXConfig Config(int heads) => new()
    {
        VocabularySize = 40, Context = 32, HiddenSize = 32, Layers = 2, Heads = heads, InnerSize = 48, BosId = 0, EosId = 39,
    };

    /// <summary>Weights that are large enough for every part to matter, normalizations and biases included.</summary>
    private static GptNeoXModel Random(GptNeoXConfig config)
    {
        manual_seed(5);
        var model = new GptNeoXModel(config, 0, CPU);
        using var quiet = no_grad();
        foreach (NamedParameter parameter in model.Parameters)
        {
            bool isScale = parameter.Value.dim() == 1 && parameter.Name.EndsWith(".weight", StringComparison.Ordinal);
            nn.init.normal_(parameter.Value, isScale ? 1 : 0, 0.2);
        }

        model.eval();
        return model;
    }
}
