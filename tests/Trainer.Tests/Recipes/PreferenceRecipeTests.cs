using System.Text.Json;
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
    public void Parse_BadLossSetting_NamesSettingAndValue(string sets, string problem)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => Parse("{}", sets.Split(' ')));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_SettingOfOtherLosses_NamesThem()
    {
        BadInputException error = Assert.Throws<BadInputException>(() => Parse("""{"label_smoothing": 0.1}"""));
        Assert.Contains("cdpo or robust", error.Message, StringComparison.Ordinal);
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
        Assert.True(loss.NeedsBaseline);
        GoldenLosses.AssertClose([.. desirable.Zip(undesirable, (d, u) => 0.5 * (d + u))], loss.PerPair(Golden(tensor(0.35))));
    }

    private static PreferenceRecipe Parse(string json, params string[] sets) => RecipeReader.Parse<PreferenceRecipe>(json, "r.json", sets);

    private static PairLogProbs Golden(Tensor? baseline) => new(
        GoldenLosses.Input("policy_chosen_logps"),
        GoldenLosses.Input("policy_rejected_logps"),
        GoldenLosses.Input("reference_chosen_logps"),
        GoldenLosses.Input("reference_rejected_logps"),
        GoldenLosses.Input("chosen_lengths"),
        GoldenLosses.Input("rejected_lengths"),
        baseline);
}
