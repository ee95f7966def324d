using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Checkpoints;
using Rudder.Trainer.Adapters;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes.Settings;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Adapters;

/// <summary>LoRA adapters against the numbers of PEFT 0.15.2 on transformers 4.51.1.</summary>
public sealed class LoraAdapterTests
{
    private const double LogitTolerance = 2e-5;
    private const double LossTolerance = 3e-5;
    private const double NormTolerance = 1e-4;

    public static TheoryData<string> Fixtures => ["tiny-llama-lora/qv", "tiny-llama-lora/all-linear", "tiny-llama-lora/qv-rslora", "tiny-gpt2-lora/c_attn"];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Load_Fixture_MatchesLogitsAndGreedy(string name)
    {
        var fixture = new AdapterFixture(name);
        using AdaptedLanguageModel model = fixture.Load();
        Assert.Equal(fixture.Expected.GetProperty("trainable_parameters").GetInt64(), model.Parameters.Sum(p => p.Value.numel()));
        Assert.Equal(fixture.Expected.GetProperty("tensors").Deserialize<string[]>()!.Order(), model.Parameters.Select(p => p.Name).Order());
        AssertLogits(fixture.Expected, fixture.Rows, model);
        int[][] greedy = FixtureFiles.Rows(fixture.Expected.GetProperty("greedy_continuations"));
        foreach ((int[] prompt, int[] tokens) in fixture.Rows.Zip(greedy))
        {
            using var scope = NewDisposeScope();
            Tensor hidden = model.Hidden(Collator.Pad([[.. prompt, .. tokens[..^1]]], 0, CPU))[0]; // [T,D]
            long[] best = [.. model.Head(hidden).argmax(-1).data<long>()]; // [T]
            Assert.Equal(tokens, best[(prompt.Length - 1)..].Select(id => (int)id));
        }
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Collect_Fixture_GivesTheMergedWeights(string name)
    {
        var fixture = new AdapterFixture(name);
        using AdaptedLanguageModel model = fixture.Load();
        using ILanguageModel merged = fixture.LoadBase();
        var before = merged.Collect().ToDictionary(weight => weight.Name, weight => weight.Data.ToArray());
        var after = model.Collect().ToDictionary(weight => weight.Name, weight => weight.Data.ToArray());
        JsonElement changed = fixture.Expected.GetProperty("merged").GetProperty("changed_weights");
        Assert.Equal(changed.EnumerateObject().Select(weight => weight.Name).Order(), after.Keys.Where(key => !after[key].SequenceEqual(before[key])).Order());
        foreach (JsonProperty weight in changed.EnumerateObject())
        {
            double norm = Math.Sqrt(after[weight.Name].Zip(before[weight.Name]).Sum(pair => Math.Pow(pair.First - pair.Second, 2)));
            Assert.Equal(weight.Value.GetProperty("delta_frobenius").GetDouble(), norm, 1e-5);
            double[] first = FixtureFiles.Numbers(weight.Value.GetProperty("first_row_first_4"));
            Assert.All(Enumerable.Range(0, 4), i => Assert.Equal(first[i], after[weight.Name][i], 1e-6));
        }

        using var folder = new TemporaryFolder();
        ModelFolder.Save(model, folder.File("merged"), tokenizer: null, WeightType.F32);
        using ILanguageModel loaded = ModelFolder.Load<ILanguageModel>(folder.File("merged"), CPU, dropout: 0);
        AssertLogits(fixture.Expected.GetProperty("merged"), fixture.Rows, loaded);
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Step_FourStepsOfAdamW_FollowThePeftRun(string name)
    {
        var fixture = new AdapterFixture(name);
        JsonElement training = fixture.Expected.GetProperty("training");
        JsonProperty run = training.EnumerateObject().Single(entry => entry.Name.StartsWith("AdamW(", StringComparison.Ordinal));
        const double Rate = 0.005;
        Assert.StartsWith("AdamW(lr=0.005,betas=(0.9,0.999),eps=1e-8,weight_decay=0)", run.Name, StringComparison.Ordinal);
        double[] losses = FixtureFiles.Numbers(run.Value.GetProperty("loss")), norms = FixtureFiles.Numbers(run.Value.GetProperty("grad_norm_before_clipping"));
        int[][] rows = FixtureFiles.Rows(training.GetProperty("input_ids")), labels = FixtureFiles.Rows(training.GetProperty("labels"));
        using AdaptedLanguageModel model = fixture.Load();
        using IOptimizer optimizer = OptimizerFactory.Create(
            new OptimizerSettings { Betas = [0.9, 0.999], WeightDecay = 0 }, NamedParameters.Trainable(model.Parameters));
        for (int step = 0; step < losses.Length; step++)
        {
            using var scope = NewDisposeScope();
            model.zero_grad();
            Tensor loss = Loss(model, rows, labels);
            Assert.Equal(losses[step], loss.item<float>(), LossTolerance);
            loss.backward();
            double norm = GradientNorm.Of(model.Parameters);
            Assert.Equal(norms[step], norm, NormTolerance);
            if (step == 0)
            {
                JsonElement each = training.GetProperty("gradient_norm_per_parameter_at_step_1");
                Assert.All(model.Parameters, p => Assert.Equal(each.GetProperty(p.Name).GetDouble(), p.Value.grad!.norm().item<float>(), NormTolerance));
            }

            optimizer.Step(Rate, GradientNorm.ClipScale(norm, 1.0));
        }

        using var last = NewDisposeScope();
        Assert.Equal(run.Value.GetProperty("loss_after_last_step").GetDouble(), Loss(model, rows, labels).item<float>(), LossTolerance);
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Base_AndNewAdapter_GiveTheBaseBitForBit(string name)
    {
        using var scope = NewDisposeScope();
        var fixture = new AdapterFixture(name);
        using ILanguageModel plain = fixture.LoadBase();
        using AdaptedLanguageModel model = fixture.Load();
        using ILanguageModel? off = AdaptedLanguageModel.Base(model, fixture.Base + "/");
        Assert.Null(AdaptedLanguageModel.Base(plain, fixture.Base));
        Assert.Null(AdaptedLanguageModel.Base(model, fixture.Folder));
        using ILanguageModel carrier = fixture.LoadBase();
        using var fresh = new AdaptedLanguageModel(carrier, LoraAdapter.Create(carrier, new LoraSettings { Rank = 4 }, seed: 5), fixture.Base);
        float[] expected = Logits(plain, fixture.Rows[0]);
        model.train();
        Assert.Equal(expected, Logits(off!, fixture.Rows[0]));
        Assert.True(model.training);
        Assert.Equal(expected, Logits(fresh, fixture.Rows[0]));
        Assert.NotEqual(expected, Logits(model, fixture.Rows[0]));
        Assert.All(plain.Collect().Zip(off!.Collect()), pair => Assert.True(pair.First.Data.Span.SequenceEqual(pair.Second.Data.Span)));
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Save_LoadedFixture_WritesWhatPeftWrote(string name)
    {
        using var folder = new TemporaryFolder();
        var fixture = new AdapterFixture(name);
        using AdaptedLanguageModel model = fixture.Load();
        JsonObject theirs = Json(fixture.Folder);
        model.Adapter.Save(folder.File("adapter"), (string)theirs["base_model_name_or_path"]!, WeightType.F32);
        JsonObject ours = Json(folder.File("adapter"));
        Assert.All(ours, pair => Assert.True(JsonNode.DeepEquals(pair.Value, theirs[pair.Key]), $"{pair.Key} is {pair.Value}, PEFT writes {theirs[pair.Key]}"));
        using Weights before = AdapterConfig.OpenWeights(fixture.Folder), after = AdapterConfig.OpenWeights(folder.File("adapter"));
        Assert.Equal(before.Tensors.Select(tensor => tensor.Name), after.Tensors.Select(tensor => tensor.Name));
        Assert.All(before.Tensors, tensor => Assert.Equal(before.ReadFloat32(tensor.Name, tensor.Shape), after.ReadFloat32(tensor.Name, tensor.Shape)));

        static JsonObject Json(string folder) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder, AdapterConfig.FileName)))!.AsObject();
    }

    [Fact]
    public void Create_AllLinear_AdaptsTheBlocksWithinPeftsBounds()
    {
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(FixtureFiles.Folder("tiny-gpt2"), CPU);
        var adapter = LoraAdapter.Create(model, new LoraSettings { Rank = 4 }, seed: 5);
        Assert.Equal(2 * 4 * 2, adapter.Parameters.Count);
        Assert.All(model.Parameters, parameter => Assert.False(parameter.Value.requires_grad));
        float[] a = NamedParameters.Values(adapter.Parameters[0].Value);
        Assert.Equal("base_model.model.transformer.h.0.attn.c_attn.lora_A.weight", adapter.Parameters[0].Name);
        Assert.True(a.Max() is > 0.15f and <= 0.17677671f, $"{a.Max()}"); // 1/√32
        Assert.True(a.Min() is < -0.15f and >= -0.17677671f, $"{a.Min()}");
        Assert.All(NamedParameters.Values(adapter.Parameters[1].Value), value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData("q_proj", 4, "c_attn, c_fc, c_proj")]
    [InlineData("lm_head", 4, "c_attn, c_fc, c_proj")]
    [InlineData("attn", 4, "c_attn, c_fc, c_proj")]
    [InlineData("h.0.attn.c_attn", 33, "rank 32")]
    [InlineData("all-linear", 64, "rank 32")]
    public void Create_LayersOrRankThatDoNotFit_AreNamed(string target, int rank, string part)
    {
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(FixtureFiles.Folder("tiny-gpt2"), CPU);
        var error = Assert.Throws<BadInputException>(() => LoraAdapter.Create(model, new LoraSettings { Rank = rank, TargetModules = [target] }, seed: 0));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tiny-llama-lora/qv", "tiny-gpt2", "model.layers.0.self_attn.q_proj")]
    [InlineData("tiny-llama-lora/qv", "tiny-smollm", "lora_A.weight' has shape [4, 32]")]
    [InlineData("tiny-gpt2-lora/c_attn", "tiny-llama", "transformer.h.0.attn.c_attn")]
    public void Load_AnotherBase_IsRefusedNamingTheLayer(string name, string other, string part)
    {
        var fixture = new AdapterFixture(name);
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(new DecoderFixture(other).Folder, CPU);
        var error = Assert.Throws<CheckpointException>(() => LoraAdapter.Load(model, fixture.Folder));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Contains("base", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("r", "3", "has shape [4, 32]")]
    [InlineData("r", "0", "'r' is 0")]
    [InlineData("use_dora", "true", "use_dora")]
    [InlineData("bias", "\"all\"", "bias")]
    [InlineData("peft_type", "\"IA3\"", "IA3")]
    [InlineData("rank_pattern", "{\"q_proj\": 2}", "rank_pattern")]
    [InlineData("modules_to_save", "[3]", "modules_to_save")]
    public void Load_OtherSettings_AreRefusedByName(string key, string value, string part)
    {
        using var folder = new TemporaryFolder();
        var fixture = new AdapterFixture("tiny-llama-lora/qv");
        JsonObject json = JsonNode.Parse(File.ReadAllText(Path.Combine(fixture.Folder, AdapterConfig.FileName)))!.AsObject();
        json[key] = JsonNode.Parse(value);
        Directory.CreateDirectory(folder.File("adapter"));
        File.WriteAllText(folder.File("adapter/adapter_config.json"), json.ToJsonString());
        File.Copy(Path.Combine(fixture.Folder, AdapterConfig.WeightsName), folder.File("adapter/adapter_model.safetensors"));
        using ILanguageModel model = fixture.LoadBase();
        var error = Assert.Throws<CheckpointException>(() => LoraAdapter.Load(model, folder.File("adapter")));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    private static float[] Logits(ILanguageModel model, int[] row)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        return [.. model.Head(model.Hidden(Collator.Pad([row], 0, CPU))).data<float>()]; // [1,T,V]
    }

    /// <summary>Compares the logits after the last token of every prompt.</summary>
    internal static void AssertLogits(JsonElement expected, int[][] rows, ILanguageModel model)
    {
        double[][] last = expected.GetProperty("logits_last_position").Deserialize<double[][]>()!;
        for (int b = 0; b < rows.Length; b++)
        {
            float[] all = Logits(model, rows[b]);
            double worst = last[b].Select((value, v) => Math.Abs(value - all[all.Length - DecoderFixture.Vocabulary + v])).Max();
            Assert.True(worst <= LogitTolerance, $"logits of row {b} differ by {worst:g3}; the limit is {LogitTolerance}");
        }
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
}
