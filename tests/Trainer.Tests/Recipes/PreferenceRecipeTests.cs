using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Tests.Losses;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Recipes;

public sealed class PreferenceRecipeTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData("loss=ppo", "loss is 'ppo'")]
    [InlineData("beta=0", "beta is 0")]
    [InlineData("beta=-0.1", "beta is -0.1")]
    [InlineData("beta={}", "--set beta={}")]
    [InlineData("label_smoothing=0.1", "label_smoothing is 0.1, but loss 'dpo'")]
    [InlineData("loss=robust label_smoothing=0.5", "label_smoothing is 0.5")]
    [InlineData("loss=cdpo label_smoothing=-0.1", "label_smoothing is -0.1")]
    [InlineData("loss=kto lambda_desirable=0", "lambda_desirable is 0")]
    [InlineData("loss=simpo gamma=-1", "gamma is -1")]
    [InlineData("loss=simpo reference=folder", "reference is folder")]
    [InlineData("loss=exo-pair label_smoothing=0", "label_smoothing is 0; it takes above 0")]
    [InlineData("loss=discopop tau=1.5", "tau is 1.5")]
    [InlineData("loss=aot batch.accumulation=2", "batch.accumulation is 2")]
    [InlineData("loss={\"dpo\":1,\"aot-unpaired\":1} batch.accumulation=2", "batch.accumulation is 2")]
    [InlineData("loss={\"dpo\":0.8,\"stf\":0.2}", "Did you mean 'sft'?")]
    [InlineData("loss={\"dpo\":0.8,\"sft\":0}", "loss.sft is 0; a weight")]
    [InlineData("loss={\"dpo\":-1}", "loss.dpo is -1; a weight")]
    [InlineData("loss={\"dpo\":1e999}", "loss.dpo is Infinity; a weight")]
    [InlineData("loss={\"dpo\":\"much\"}", "has the wrong type")]
    [InlineData("loss={}", "loss is {}")]
    [InlineData("loss={\"dpo\":1,\"sft\":1} gamma=1", "gamma is 1, but loss 'dpo' + 'sft'")]
    [InlineData("loss={\"cdpo\":1,\"exo-pair\":1}", "label_smoothing is not given")]
    [InlineData("loss={\"cdpo\":1,\"exo-pair\":1} label_smoothing=0", "label_smoothing is 0; it takes above 0")]
    [InlineData("loss={\"simpo\":1,\"sft\":1} reference=folder", "reference is folder")]
    [InlineData("reference.mixup=0.5", "reference.mixup is 0.5")]
    [InlineData("reference.sync_every=-1", "reference.sync_every is -1")]
    [InlineData("reference.sync_every=5 reference.mixup=0", "reference.mixup is 0; it takes above 0")]
    [InlineData("reference.sync_evry=5", "Did you mean 'sync_every'?")]
    [InlineData("loss=orpo reference.sync_every=5", "reference is synchronised every 5 steps")]
    public void Parse_BadLossSetting_NamesSettingAndValue(string sets, string problem)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => Parse("{}", sets.Split(' ')));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_SettingOfOtherLosses_NamesThem()
    {
        BadInputException error = Assert.Throws<BadInputException>(() => Parse("""{"label_smoothing": 0.1}"""));
        Assert.Contains("cdpo or exo-pair or robust", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_LossWithoutSettings_HoldsTheirDefaultsBesideTheOthers()
    {
        JsonElement written = JsonDocument.Parse(RecipeReader.Write(Parse("""{"loss": "kto", "lambda_desirable": 1.33}"""))).RootElement;
        Assert.Equal(0.1, written.GetProperty("beta").GetDouble());
        Assert.Equal(1.33, written.GetProperty("lambda_desirable").GetDouble());
        Assert.Equal(1, written.GetProperty("lambda_undesirable").GetDouble());
        Assert.False(written.TryGetProperty("gamma", out _));
        Assert.Equal(written.GetRawText(), RecipeReader.Write(Parse(written.GetRawText())));
    }

    [Theory]
    [InlineData("""{"loss": "ipo"}""", "\"ipo\"")]
    [InlineData("""{"loss": {"dpo": 1}}""", "\"dpo\"")]
    [InlineData("""{"loss": {"sft": 0.2, "dpo": 0.8}}""", """{"sft":0.2,"dpo":0.8}""")]
    public void Write_Loss_IsAsShortAsItCanBe(string recipe, string expected)
    {
        string written = RecipeReader.Write(Parse(recipe));
        Assert.Equal(expected, JsonNode.Parse(written)!["loss"]!.ToJsonString());
        Assert.Equal(written, RecipeReader.Write(Parse(written)));
    }

    [Theory]
    [InlineData("""{"reference": "folder"}""", "\"folder\"")]
    [InlineData("""{"reference": {"folder": "folder"}}""", "\"folder\"")]
    [InlineData("""{"reference": {"sync_every": 5}}""", """{"sync_every":5,"mixup":1}""")]
    [InlineData("""{"reference": {"folder": "folder", "sync_every": 5, "mixup": 0.6}}""", """{"folder":"folder","sync_every":5,"mixup":0.6}""")]
    public void Write_Reference_IsAFolderOrAnObject(string recipe, string expected)
    {
        string written = RecipeReader.Write(Parse(recipe));
        Assert.Equal(expected, JsonNode.Parse(written)!["reference"]!.ToJsonString());
        Assert.Equal(written, RecipeReader.Write(Parse(written)));
    }

    [Fact]
    public void BindLoss_Mix_GivesEachPartItsSettingsAndNeedsWhatAPartNeeds()
    {
        PreferenceLoss loss = Parse("""{"loss": {"cdpo": 0.5, "bco-pair": 2, "sft": 1}, "beta": 0.3, "label_smoothing": 0.2}""").BindLoss();
        var mix = Assert.IsType<WeightedLosses>(loss);
        Assert.Equal([(0.5, new ConservativeDpo { Beta = 0.3, LabelSmoothing = 0.2 }), (2, new BcoPair { Beta = 0.3 }), (1, new ChosenNll { Beta = 0.3 })], mix.Parts);
        Assert.Equal((0.3, true, true, false, false), (mix.Beta, mix.NeedsReference, mix.NeedsRewardMean, mix.NeedsMismatched, mix.NeedsWholeStep));
        Assert.False(Parse("""{"loss": {"simpo": 1, "sft": 1}}""").BindLoss().NeedsReference);
        Assert.True(Parse("""{"loss": {"simpo": 1, "kto": 1}}""").BindLoss().NeedsMismatched);
    }

    [Theory]
    [InlineData("dpo", "dpo")]
    [InlineData("cdpo", "cdpo")]
    [InlineData("robust", "robust")]
    [InlineData("ipo", "ipo-sum")]
    [InlineData("ipo-mean", "ipo-mean")]
    [InlineData("hinge", "hinge")]
    [InlineData("dpo-reference-free", "dpo-reference-free")]
    [InlineData("simpo", "simpo")]
    [InlineData("orpo", "orpo")]
    public void BindLoss_EveryNameWithAGoldenValue_ComputesIt(string name, string golden)
    {
        foreach (JsonElement entry in GoldenLosses.Entries(golden))
        {
            string[] sets = [.. entry.GetProperty("params").EnumerateObject().Select(parameter => $"{parameter.Name}={parameter.Value.GetRawText()}")];
            PreferenceLoss loss = Parse($$"""{"loss": "{{name}}"}""", sets).BindLoss();
            PairLogProbs pairs = loss.NeedsReference ? Golden(null) : Golden(null) with { ReferenceChosen = null, ReferenceRejected = null };
            GoldenLosses.AssertClose(GoldenLosses.Numbers(entry.GetProperty("per_pair")), loss.PerPair(pairs));
        }
    }

    [Fact]
    public void BindLoss_Kto_IsTheMeanOfBothSides()
    {
        double[] desirable = GoldenLosses.Numbers(GoldenLosses.Entries("kto-desirable")[1].GetProperty("per_pair")); // λ_D 1.33
        double[] undesirable = GoldenLosses.Numbers(GoldenLosses.Entries("kto-undesirable")[0].GetProperty("per_pair")); // λ_U 1
        PreferenceLoss loss = Parse("""{"loss": "kto", "lambda_desirable": 1.33}""").BindLoss();
        Assert.True(loss.NeedsMismatched);
        GoldenLosses.AssertClose([.. desirable.Zip(undesirable, (d, u) => 0.5 * (d + u))], loss.PerPair(Golden(tensor(new[] { 0.1, 0.6 })))); // mean 0.35
    }

    private static PreferenceRecipe Parse(string json, params string[] sets) => RecipeReader.Parse<PreferenceRecipe>(json, "r.json", sets);

    private static PairLogProbs Golden(Tensor? mismatched) => new(
        GoldenLosses.Input("policy_chosen_logps"),
        GoldenLosses.Input("policy_rejected_logps"),
        GoldenLosses.Input("reference_chosen_logps"),
        GoldenLosses.Input("reference_rejected_logps"),
        GoldenLosses.Input("chosen_lengths"),
        GoldenLosses.Input("rejected_lengths"))
    {
        Mismatched = mismatched,
        MeanChosenLength = GoldenLosses.Input("chosen_lengths").mean().item<double>(),
    };
}
