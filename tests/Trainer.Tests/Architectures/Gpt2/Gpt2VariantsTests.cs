using System.Text.Json.Nodes;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Architectures.Gpt2;
using Rudder.Trainer.Data;
using Rudder.Trainer.Export;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Architectures.Gpt2;

/// <summary>Every setting of GPT-2's config in the module, the exported graph and the slot engine, against float64 loops.</summary>
public sealed class Gpt2VariantsTests : IDisposable
{
    private const float Tolerance = 2e-5f;
    private static readonly int[] Prompt = [3, 1, 4, 1, 5, 9, 2];
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, bool, bool, bool> Variants => new()
    {
        { "gelu_new", true, false, true },
        { "gelu_pytorch_tanh", true, false, true },
        { "gelu", true, false, true },
        { "relu", true, false, true },
        { "gelu_new", true, true, true }, // by inverse layer, as in Mistral's GPT-2 models
        { "gelu_new", false, false, true },
        { "relu", false, true, true },
        { "gelu_new", true, false, false }, // its own head
        { "gelu", false, true, false },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Variants))]
    public void Run_Variant_MatchesPlainLoopsInTrainerGraphAndSlotEngine(string activation, bool scales, bool byLayer, bool ties)
    {
        using var scope = NewDisposeScope();
        Gpt2Config config = Config() with { Activation = activation, ScalesAttention = scales, ScalesByLayer = byLayer, TiesHead = ties };
        Dictionary<string, float[]> weights;
        using (Gpt2Model model = Random(config))
        {
            weights = model.Collect().ToDictionary(w => w.Name, w => w.Data.ToArray());
            ModelFolder.Save(model, _folder.Path, tokenizer: null, WeightType.F32);
        }

        // 1. The expected continuation and its logits.
        List<int> ids = [.. Prompt];
        List<double[]> expected = [];
        for (int step = 0; step < 8; step++)
        {
            expected.Add(ReferenceGpt2.Logits(config, weights, ids)[^1]);
            ids.Add(Array.IndexOf(expected[^1], expected[^1].Max()));
        }

        // 2. The trainer, from the folder.
        using var loaded = ModelFolder.Load<ILanguageModel>(_folder.Path, CPU, dropout: 0);
        var read = (Gpt2Config)loaded.Config;
        Assert.Equal((activation, scales, byLayer, ties), (read.Activation, read.ScalesAttention, read.ScalesByLayer, read.TiesHead));
        using (no_grad())
        {
            float[] actual = [.. loaded.Head(loaded.Hidden(Collator.Pad([[.. ids]], 0, CPU))).data<float>()]; // [1,T,V]
            double[] all = [.. ReferenceGpt2.Logits(config, weights, ids).SelectMany(row => row)];
            Assert.All(all.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, Tolerance));
        }

        // 3. The graph in ONNX Runtime's own operators, and in the slot engine.
        ExportReport report = ModelExport.Run(_folder.Path, new ExportSettings { Int8 = true, Int8MaxKl = 0.1 }, threads: 1);
        var options = new EngineOptions { Threads = 1, MaxSlots = 2 };
        using var written = OnnxDecoder.Load(new GraphFolder(_folder.Path, _folder.File("onnx"), report) { AsWritten = true }, options, null);
        using var slots = SlotDecoder.Load(GraphFolder.Open(_folder.Path), options, null);
        foreach (IDecoder decoder in (IDecoder[])[written, slots])
        {
            decoder.Prefill([Prompt], 0);
            for (int step = 0; step < expected.Count; step++)
            {
                float[] logits = decoder.Logits(0).ToArray();
                Assert.All(expected[step].Zip(logits), pair => Assert.Equal(pair.First, pair.Second, Tolerance));
                int token = Array.IndexOf(logits, logits.Max());
                Assert.Equal(ids[Prompt.Length + step], token);
                decoder.Step([token], [Prompt.Length + step]);
            }
        }
    }

    [Fact]
    public void Load_DifferentDropoutsAndReorderedAttention_KeepsThem()
    {
        using var model = new Gpt2Model(
            Config() with { ResidualDropout = 0.1, AttentionDropout = 0.2, EmbeddingDropout = 0.3 }, null, CPU);
        ModelFolder.Save(model, _folder.Path, tokenizer: null, WeightType.F32);
        Change("reorder_and_upcast_attn", true); // the same numbers in fp32
        using var loaded = ModelFolder.Load<ILanguageModel>(_folder.Path, CPU);
        var config = (Gpt2Config)loaded.Config;
        Assert.Equal((0.1, 0.2, 0.3), (config.ResidualDropout, config.AttentionDropout, config.EmbeddingDropout));
        ModelFolder.Save(loaded, _folder.Path, tokenizer: null, WeightType.F32);
        Assert.True(JsonNode.Parse(File.ReadAllText(_folder.File("config.json")))!["reorder_and_upcast_attn"]!.GetValue<bool>());
    }

    [Fact]
    public void Load_ValueHead_IsIgnoredWithANote()
    {
        using Gpt2Model model = Random(Config());
        ModelFolder.Save(model, _folder.Path, tokenizer: null, WeightType.F32);
        SafetensorsWriter.Write(
            _folder.File("model.safetensors"),
            [.. model.Collect(), ("v_head.summary.weight", [1L, 32L], new float[32]), ("v_head.summary.bias", [1L], new float[1])],
            WeightType.F32,
            new Dictionary<string, string> { ["format"] = "pt" });
        TextWriter before = Console.Error;
        using var error = new StringWriter();
        Console.SetError(error);
        try
        {
            using var loaded = ModelFolder.Load<ILanguageModel>(_folder.Path, CPU, dropout: 0);
            Assert.All(model.Collect().Zip(loaded.Collect()), pair => Assert.True(pair.First.Data.Span.SequenceEqual(pair.Second.Data.Span), pair.First.Name));
        }
        finally
        {
            Console.SetError(before);
        }

        Assert.Contains("v_head.", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OwnHeadThatIsMissing_IsRefusedByName()
    {
        using Gpt2Model model = Random(Config());
        ModelFolder.Save(model, _folder.Path, tokenizer: null, WeightType.F32);
        Change("tie_word_embeddings", false);
        CheckpointException refused = Assert.Throws<CheckpointException>(() => ModelFolder.Load<ILanguageModel>(_folder.Path, CPU));
        Assert.Contains("lm_head.weight", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Loss_OwnHead_HasGradientsOfBothTables()
    {
        using var scope = NewDisposeScope();
        using Gpt2Model model = Random(Config() with { TiesHead = false });
        Tensor ids = Collator.Pad([Prompt], 0, CPU); // [1,T]
        Tensor hidden = model.Hidden(ids)[0, ..^1]; // [T-1,D]
        Tensor targets = ids[0, 1..]; // [T-1]
        Tensor loss = model.SumOfLosses(hidden, targets);
        Tensor expected = nn.functional.cross_entropy(model.Head(hidden), targets, reduction: nn.Reduction.Sum);
        Assert.Equal(expected.item<float>(), loss.item<float>(), 1e-4f);
        loss.backward();
        Assert.All(
            (string[])["wte.weight", "lm_head.weight"],
            name => Assert.True(model.Parameters.Single(p => p.Name == name).Value.grad!.abs().sum().item<float>() > 0, name));
    }

    // A vocabulary of an unusual size, as after resize_token_embeddings.
    private static Gpt2Config Config() => new()
    {
        VocabularySize = 43, Context = 32, HiddenSize = 32, Layers = 3, Heads = 4, LayerNormEpsilon = 1e-5, BosId = 42, EosId = 42,
    };

    private void Change(string key, bool value)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(_folder.File("config.json")))!.AsObject();
        json[key] = value;
        File.WriteAllText(_folder.File("config.json"), json.ToJsonString());
    }

    /// <summary>Weights that are large enough for every part to matter, normalizations and biases included.</summary>
    private static Gpt2Model Random(Gpt2Config config)
    {
        manual_seed(5);
        var model = new Gpt2Model(config, 0, CPU);
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
