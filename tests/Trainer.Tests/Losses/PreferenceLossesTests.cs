using System.Text.Json;
using Rudder.Trainer.Losses;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Losses;

public sealed class PreferenceLossesTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    private static Tensor PolicyMargin => GoldenLosses.Input("policy_chosen_logps") - GoldenLosses.Input("policy_rejected_logps");

    private static Tensor ReferenceMargin => GoldenLosses.Input("reference_chosen_logps") - GoldenLosses.Input("reference_rejected_logps");

    private static Tensor ChosenMean => GoldenLosses.Input("policy_chosen_logps") / GoldenLosses.Input("chosen_lengths");

    private static Tensor RejectedMean => GoldenLosses.Input("policy_rejected_logps") / GoldenLosses.Input("rejected_lengths");

    private static Tensor ReferenceChosenMean => GoldenLosses.Input("reference_chosen_logps") / GoldenLosses.Input("chosen_lengths");

    private static Tensor ReferenceRejectedMean => GoldenLosses.Input("reference_rejected_logps") / GoldenLosses.Input("rejected_lengths");

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Dpo_GoldenPairs_MatchesAuthorsValues() =>
        Check("dpo", 3, e => Dpo.Loss(PolicyMargin, ReferenceMargin, Beta(e)));

    [Fact]
    public void ConservativeDpo_GoldenPairs_MatchesAuthorsValues() =>
        Check("cdpo", 6, e => ConservativeDpo.Loss(PolicyMargin, ReferenceMargin, Beta(e), Smoothing(e)));

    [Fact]
    public void RobustDpo_GoldenPairs_MatchesFormula() =>
        Check("robust", 6, e => RobustDpo.Loss(PolicyMargin, ReferenceMargin, Beta(e), Smoothing(e)));

    [Fact]
    public void Ipo_GoldenPairsSummed_MatchesAuthorsValues() =>
        Check("ipo-sum", 3, e => Ipo.Loss(PolicyMargin, ReferenceMargin, Beta(e)));

    [Fact]
    public void Ipo_GoldenPairsPerToken_MatchesFormula() =>
        Check("ipo-mean", 3, e => Ipo.Loss(ChosenMean - RejectedMean, ReferenceChosenMean - ReferenceRejectedMean, Beta(e)));

    [Fact]
    public void Hinge_GoldenPairs_MatchesFormula() =>
        Check("hinge", 3, e => Hinge.Loss(PolicyMargin, ReferenceMargin, Beta(e)));

    [Fact]
    public void ReferenceFreeDpo_GoldenPairs_MatchesAuthorsValues() =>
        Check("dpo-reference-free", 3, e => ReferenceFreeDpo.Loss(PolicyMargin, Beta(e)));

    [Fact]
    public void SimPo_GoldenPairs_MatchesFormula() =>
        Check("simpo", 2, e => SimPo.Loss(ChosenMean, RejectedMean, Beta(e), GoldenLosses.Parameter(e, "gamma")));

    [Fact]
    public void Orpo_GoldenPairs_MatchesFormula() =>
        Check("orpo", 2, e => Orpo.Loss(ChosenMean, RejectedMean, GoldenLosses.Parameter(e, "lambda")));

    [Fact]
    public void KtoDesirable_GoldenPairs_MatchesFormula() => Check("kto-desirable", 2, e => Kto.Desirable(
        GoldenLosses.Input("policy_chosen_logps") - GoldenLosses.Input("reference_chosen_logps"),
        tensor(GoldenLosses.Parameter(e, "z")),
        Beta(e),
        GoldenLosses.Parameter(e, "lambda_d")));

    [Fact]
    public void KtoUndesirable_GoldenPairs_MatchesFormula() => Check("kto-undesirable", 2, e => Kto.Undesirable(
        GoldenLosses.Input("policy_rejected_logps") - GoldenLosses.Input("reference_rejected_logps"),
        tensor(GoldenLosses.Parameter(e, "z")),
        Beta(e),
        GoldenLosses.Parameter(e, "lambda_u")));

    [Theory]
    [InlineData(new[] { 1.0, 4.0, -2.0 }, 1.0)]
    [InlineData(new[] { 1.0, -4.0 }, 0.0)] // the mean is -1.5
    public void KtoBaseline_MismatchedLogRatios_IsTheirMeanAndNeverNegative(double[] logRatios, double expected)
    {
        Tensor ratios = tensor(logRatios, requires_grad: true);
        Tensor baseline = Kto.ReferencePoint(ratios);
        GoldenLosses.AssertClose(expected, baseline.item<double>());
        Assert.False(baseline.requires_grad);
    }

    [Theory]
    [InlineData(0f, 0f, 0.6931472f)] // policy = reference: ln 2
    [InlineData(5f, 1f, 0.5130153f)] // beta 0.1, margin 4: −log σ(0.4)
    public void Dpo_KnownMargins_MatchesHandComputedLoss(float policy, float reference, float expected) =>
        Assert.Equal(expected, Dpo.Loss(tensor(policy), tensor(reference), 0.1).item<float>(), 1e-6f);

    [Fact]
    public void Dpo_UnitMargin_GradientIsMinusBetaTimesSigmoidOfTheNegatedMargin()
    {
        Tensor margin = tensor(new[] { 1.0 }, requires_grad: true);
        Dpo.Loss(margin, tensor(new[] { 0.0 }), 0.5).sum().backward();
        GoldenLosses.AssertClose(-0.5 / (1 + Math.Exp(0.5)), margin.grad!.item<double>());
    }

    /// <summary>Float32, log-ratios of ±400 nats and equality: where a naive log(sigmoid(x)) or log(1 − e^x) is infinite.</summary>
    [Theory]
    [InlineData("dpo")]
    [InlineData("cdpo")]
    [InlineData("robust")]
    [InlineData("ipo")]
    [InlineData("hinge")]
    [InlineData("reference-free")]
    [InlineData("kto-desirable")]
    [InlineData("kto-undesirable")]
    [InlineData("simpo")]
    [InlineData("orpo-chosen")]
    [InlineData("orpo-rejected")]
    public void EveryLoss_SaturatedRows_LossAndGradientAreFinite(string loss)
    {
        bool odds = loss.StartsWith("orpo", StringComparison.Ordinal); // a mean log-prob is never positive
        float[] rows = odds ? [-400f, -1f, -1e-4f, -1e-9f, 0f] : [-400f, 0f, 400f];
        Tensor x = tensor(rows, requires_grad: true);
        Tensor zero = zeros_like(x);
        Tensor value = loss switch
        {
            "dpo" => Dpo.Loss(x, zero, 1),
            "cdpo" => ConservativeDpo.Loss(x, zero, 1, 0.1),
            "robust" => RobustDpo.Loss(x, zero, 1, 0.3),
            "ipo" => Ipo.Loss(x, zero, 0.05),
            "hinge" => Hinge.Loss(x, zero, 1),
            "reference-free" => ReferenceFreeDpo.Loss(x, 1),
            "kto-desirable" => Kto.Desirable(x, zero, 1, 1),
            "kto-undesirable" => Kto.Undesirable(x, zero, 1, 1),
            "simpo" => SimPo.Loss(x, zero, 2.5, 1.4),
            "orpo-chosen" => Orpo.Loss(x, zero - 1, 0.1),
            "orpo-rejected" => Orpo.Loss(zero - 1, x, 0.1),
            _ => throw new ArgumentException($"no loss is named '{loss}' here", nameof(loss)),
        };
        value.sum().backward();
        Assert.All(value.detach().data<float>().ToArray(), number => Assert.True(float.IsFinite(number), $"loss {number}"));
        Assert.All(x.grad!.data<float>().ToArray(), number => Assert.True(float.IsFinite(number), $"gradient {number}"));
    }

    private static double Beta(JsonElement entry) => GoldenLosses.Parameter(entry, "beta");

    private static double Smoothing(JsonElement entry) => GoldenLosses.Parameter(entry, "label_smoothing");

    private static void Check(string name, int count, Func<JsonElement, Tensor> loss)
    {
        IReadOnlyList<JsonElement> entries = GoldenLosses.Entries(name);
        Assert.Equal(count, entries.Count);
        foreach (JsonElement entry in entries)
        {
            Tensor perPair = loss(entry);
            GoldenLosses.AssertClose(GoldenLosses.Numbers(entry.GetProperty("per_pair")), perPair);
            GoldenLosses.AssertClose(entry.GetProperty("mean").GetDouble(), perPair.mean().item<double>());
        }
    }
}
