using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Architectures.Llama;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes.Settings;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Architectures.Llama;

/// <summary>The decoders built like Llama against the numbers of transformers 4.51.1, from both forms of config.json.</summary>
public sealed class LlamaModelTests
{
    private const double LogitTolerance = 2e-5; // a wrong epsilon already moves logits by that much
    private const double LossTolerance = 3e-5;
    private const double NormTolerance = 1e-4;

    public static TheoryData<string, string> Fixtures => new()
    {
        { "tiny-llama", "config.json" },
        { "tiny-llama", "config.v5.json" },
        { "tiny-qwen2", "config.json" },
        { "tiny-qwen2", "config.v5.json" },
        { "tiny-qwen3", "config.json" },
        { "tiny-qwen3", "config.v5.json" },
        { "tiny-qwen3/bf16", "config.json" },
        { "tiny-llama3-rope", "config.json" },
        { "tiny-llama3-rope", "config.v5.json" },
        { "tiny-smollm", "config.json" },
        { "tiny-smollm", "config.v5.json" },
    };

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_Fixture_MatchesLogitsEverywhere(string name, string config)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var fixture = new DecoderFixture(name);
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(fixture.Copy(folder.File("model"), config), CPU, dropout: 0);
        model.eval();
        JsonElement at = fixture.Expected.GetProperty("logits_at");
        int[] ids = at.GetProperty("vocabulary_ids").Deserialize<int[]>()!;
        double[][][] values = at.GetProperty("values").Deserialize<double[][][]>()!;
        double[][] sums = fixture.Expected.GetProperty("logsumexp").Deserialize<double[][]>()!;
        int[][] rows = fixture.Rows;
        for (int b = 0; b < rows.Length; b++)
        {
            Tensor logits = model.Head(model.Hidden(Collator.Pad([rows[b]], 0, CPU)))[0]; // [T,V]
            float[] all = [.. logits.data<float>()];
            float[] logSums = [.. logits.logsumexp(-1).data<float>()];
            AssertClose(fixture.LastLogits[b], all.AsSpan()[^DecoderFixture.Vocabulary..], $"last logits of row {b}");
            for (int t = 0; t < rows[b].Length; t++)
            {
                AssertClose(values[b][t], [.. ids.Select(id => all[(t * DecoderFixture.Vocabulary) + id])], $"logits of row {b} at {t}");
                AssertClose([sums[b][t]], [logSums[t]], $"logsumexp of row {b} at {t}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_GreedyContinuation_IsIdentical(string name, string config)
    {
        using var folder = new TemporaryFolder();
        var fixture = new DecoderFixture(name);
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(fixture.Copy(folder.File("model"), config), CPU, dropout: 0);
        model.eval();
        foreach ((int[] prompt, int[] greedy) in fixture.Rows.Zip(fixture.Greedy))
        {
            // One pass over prompt and continuation: each token must be the best one after those before it.
            using var scope = NewDisposeScope();
            Tensor hidden = model.Hidden(Collator.Pad([[.. prompt, .. greedy[..^1]]], 0, CPU))[0]; // [T,D]
            long[] best = [.. model.Head(hidden).argmax(-1).data<long>()]; // [T]
            Assert.Equal(greedy, best[(prompt.Length - 1)..].Select(id => (int)id));
        }
    }

    [Theory]
    [InlineData("tiny-llama")]
    [InlineData("tiny-qwen2")]
    [InlineData("tiny-qwen3")]
    [InlineData("tiny-llama3-rope")]
    [InlineData("tiny-smollm")]
    public void Step_SixStepsOfAdamW_FollowTheReference(string name)
    {
        var fixture = new DecoderFixture(name);
        JsonElement training = fixture.Json("training.json");
        JsonElement expected = training.GetProperty("AdamW(lr=1e-3,betas=(0.9,0.95),eps=1e-8,weight_decay=0.1 on all)");
        double[] losses = FixtureFiles.Numbers(expected.GetProperty("loss"));
        double[] norms = FixtureFiles.Numbers(expected.GetProperty("grad_norm_before_clipping"));
        int[][] rows = FixtureFiles.Rows(training.GetProperty("input_ids")), labels = FixtureFiles.Rows(training.GetProperty("labels"));
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(fixture.Folder, CPU, dropout: 0);
        using IOptimizer optimizer = OptimizerFactory.Create(new OptimizerSettings { LearningRate = 1e-3, WeightDecay = 0.1, DecayAll = true }, model.Parameters);
        for (int step = 0; step <= losses.Length; step++)
        {
            using var scope = NewDisposeScope();
            model.zero_grad();
            Tensor loss = Loss(model, rows, labels);
            Assert.Equal(step < losses.Length ? losses[step] : expected.GetProperty("loss_after_last_step").GetDouble(), loss.item<float>(), LossTolerance);
            if (step == losses.Length)
            {
                break;
            }

            loss.backward();
            double norm = GradientNorm.Of(model.Parameters);
            Assert.Equal(norms[step], norm, NormTolerance);
            if (step == 0)
            {
                AssertParameterNorms(model, training.GetProperty("gradient_norm_per_parameter_at_step_1"));
            }

            optimizer.Step(1e-3, GradientNorm.ClipScale(norm, 1.0));
        }
    }

    [Fact]
    public void Load_Shards_EqualTheOneFile()
    {
        var whole = new DecoderFixture("tiny-llama");
        var sharded = new DecoderFixture("tiny-llama/sharded");
        Assert.Equal(Read(whole.Folder), Read(sharded.Folder));
    }

    [Theory]
    [InlineData("tiny-llama", "config.json")]
    [InlineData("tiny-qwen2", "config.v5.json")]
    [InlineData("tiny-qwen3", "config.json")]
    [InlineData("tiny-llama3-rope", "config.json")]
    [InlineData("tiny-llama3-rope", "config.v5.json")]
    public void Save_ThenLoad_KeepsConfigNamesAndWeights(string name, string config)
    {
        using var folder = new TemporaryFolder();
        string source = new DecoderFixture(name).Copy(folder.File("source"), config);
        using (ILanguageModel model = ModelFolder.Load<ILanguageModel>(source, CPU, dropout: 0))
        {
            ModelFolder.Save(model, folder.File("saved"), tokenizer: null, WeightType.F32);
        }

        Assert.Equal(Read(source), Read(folder.File("saved")));
        Assert.Equal(Names(source).Order(), Names(folder.File("saved")).Order());
        LlamaConfig before = ModelConfig.Load<LlamaConfig>(source), after = ModelConfig.Load<LlamaConfig>(folder.File("saved"));
        Assert.Equal((before.Rotary, before.HeadSize, before.KeyValueHeads, before.TiesHead, before.LayerNormEpsilon), (after.Rotary, after.HeadSize, after.KeyValueHeads, after.TiesHead, after.LayerNormEpsilon));
    }

    [Theory]
    [InlineData("llama", false, false)]
    [InlineData("llama", true, true)]
    [InlineData("mistral", false, false)]
    [InlineData("qwen2", false, false)]
    [InlineData("qwen3", true, false)]
    public void Forward_RandomWeights_MatchesPlainLoops(string family, bool attentionBias, bool feedForwardBias)
    {
        using var scope = NewDisposeScope();
        LlamaConfig config = RandomDecoders.Config(family) with { AttentionBias = attentionBias, FeedForwardBias = feedForwardBias };
        using LlamaModel model = RandomDecoders.Model(config);
        int[] ids = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];
        double[][] expected = ReferenceDecoder.Logits(config, model.Collect().ToDictionary(w => w.Name, w => w.Data.ToArray()), ids);
        float[] actual = [.. model.call(Collator.Pad([ids], 0, CPU)).data<float>()]; // [1,T,V]
        for (int t = 0; t < ids.Length; t++)
        {
            AssertClose(expected[t], actual.AsSpan(t * config.VocabularySize, config.VocabularySize), $"logits at {t}");
        }
    }

    [Fact]
    public void Parameters_FirstBlocksFrozen_AreThoseOfTheLayers()
    {
        using LlamaModel model = RandomDecoders.Model(RandomDecoders.Config("qwen3"));
        NamedParameters.FreezeBlocks(model, 1);
        Assert.All(model.Parameters, p => Assert.Equal(!p.Name.StartsWith("model.layers.0.", StringComparison.Ordinal), p.Value.requires_grad));
        Assert.Equal(11, model.Parameters.Count(p => !p.Value.requires_grad));
    }

    [Fact]
    public void Load_TiedHeadThatDiffers_IsRefused()
    {
        using var folder = new TemporaryFolder();
        string source = new DecoderFixture("tiny-smollm").Copy(folder.File("model"));
        var weights = Read(source).Select(pair => (pair.Key, Weights.Open(source)[pair.Key].Shape, (ReadOnlyMemory<float>)pair.Value)).ToList();
        float[] head = [.. Read(source)[WeightNames.LlamaEmbedding]];
        weights.Add((WeightNames.Head, [512, 48], head));
        Write();
        Read(source);
        head[7] += 1;
        Write();
        var error = Assert.Throws<CheckpointException>(() => Read(source));
        Assert.Contains("differs from the token embedding at index 7", error.Message, StringComparison.Ordinal);

        void Write() => SafetensorsWriter.Write(Path.Combine(source, "model.safetensors"), weights, WeightType.F32, new Dictionary<string, string>());
    }

    private static Tensor Loss(ILanguageModel model, int[][] rows, int[][] labels)
    {
        Tensor hidden = model.Hidden(Collator.Pad(rows, 0, CPU)); // [B,T,D]
        long time = hidden.shape[1];
        var places = (from b in Enumerable.Range(0, rows.Length)
                      from t in Enumerable.Range(0, (int)time - 1)
                      where labels[b][t + 1] >= 0
                      select (Place: (b * time) + t, Target: (long)labels[b][t + 1])).ToArray();
        Tensor predicting = hidden.reshape(-1, hidden.shape[2]).index_select(0, tensor([.. places.Select(p => p.Place)], int64)); // [N,D]
        return model.SumOfLosses(predicting, tensor([.. places.Select(p => p.Target)], int64)) / places.Length; // []
    }

    private static void AssertParameterNorms(ILanguageModel model, JsonElement expected)
    {
        Assert.Equal(expected.EnumerateObject().Select(p => p.Name).Order(), model.Parameters.Select(p => p.Name).Order());
        foreach (NamedParameter parameter in model.Parameters)
        {
            Assert.Equal(expected.GetProperty(parameter.Name).GetDouble(), parameter.Value.grad!.norm().item<float>(), NormTolerance);
        }
    }

    private static void AssertClose(double[] expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs(expected[i] - actual[i]));
        }

        Assert.True(worst <= LogitTolerance, $"{what} differ by {worst:g3}; the limit is {LogitTolerance}");
    }

    private static IReadOnlyDictionary<string, float[]> Read(string folder)
    {
        using var weights = Weights.Open(folder);
        return LlamaWeights.Load(weights, ModelConfig.Load<LlamaConfig>(folder));
    }

    private static string[] Names(string folder)
    {
        using var weights = Weights.Open(folder);
        return [.. weights.Tensors.Select(tensor => tensor.Name)];
    }
}
