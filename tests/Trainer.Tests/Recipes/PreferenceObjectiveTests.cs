using Rudder.Trainer.Recipes;
using Rudder.Trainer.Tests.Losses;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Recipes;

public sealed class PreferenceObjectiveTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void New_UnknownLoss_ListsTheKnownOnes()
    {
        BadInputException error = Assert.Throws<BadInputException>(() => new PreferenceObjective(new PreferenceLossSettings("ppo")));
        Assert.Equal(
            "loss is \"ppo\"; known losses are dpo, cdpo, robust, ipo, ipo-mean, hinge, dpo-reference-free, kto, simpo, orpo.", error.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void New_BetaNotAboveZero_IsRefused(double beta)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => new PreferenceObjective(new PreferenceLossSettings("dpo", beta)));
        Assert.StartsWith("beta is ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void New_SettingOfAnotherLoss_IsRefused()
    {
        BadInputException error = Assert.Throws<BadInputException>(
            () => new PreferenceObjective(new PreferenceLossSettings("dpo", LabelSmoothing: 0.1)));
        Assert.StartsWith("label_smoothing is 0.1, but loss \"dpo\" has no such setting; cdpo and robust have it.", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(-0.1)]
    public void New_LabelSmoothingOutOfRange_IsRefused(double smoothing) => Assert.Throws<BadInputException>(
        () => new PreferenceObjective(new PreferenceLossSettings("robust", LabelSmoothing: smoothing)));

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
    public void PerPair_EveryNameWithAGoldenValue_BindsItsLoss(string name, string golden)
    {
        foreach (System.Text.Json.JsonElement entry in GoldenLosses.Entries(golden))
        {
            double? Parameter(string key) => entry.GetProperty("params").TryGetProperty(key, out System.Text.Json.JsonElement value) ? value.GetDouble() : null;
            PreferenceLossSettings settings = new(
                name, Parameter("beta") ?? 0.1, Parameter("label_smoothing"), Parameter("gamma"), Parameter("lambda"));
            GoldenLosses.AssertClose(GoldenLosses.Numbers(entry.GetProperty("per_pair")), new PreferenceObjective(settings).PerPair(Golden(null)));
        }
    }

    [Fact]
    public void PerPair_Kto_IsTheMeanOfBothSides()
    {
        double[] desirable = GoldenLosses.Numbers(GoldenLosses.Entries("kto-desirable")[1].GetProperty("per_pair")); // λ_D 1.33
        double[] undesirable = GoldenLosses.Numbers(GoldenLosses.Entries("kto-undesirable")[0].GetProperty("per_pair")); // λ_U 1
        var objective = new PreferenceObjective(new PreferenceLossSettings("kto", 0.1, LambdaDesirable: 1.33));
        Assert.True(objective.NeedsBaseline);
        GoldenLosses.AssertClose([.. desirable.Zip(undesirable, (d, u) => 0.5 * (d + u))], objective.PerPair(Golden(tensor(0.35))));
    }

    private static PairLogProbs Golden(Tensor? baseline) => new(
        GoldenLosses.Input("policy_chosen_logps"),
        GoldenLosses.Input("policy_rejected_logps"),
        GoldenLosses.Input("reference_chosen_logps"),
        GoldenLosses.Input("reference_rejected_logps"),
        GoldenLosses.Input("chosen_lengths"),
        GoldenLosses.Input("rejected_lengths"),
        baseline);
}
