using System.Text.Json;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Losses;

/// <summary>Every loss against the values and gradients of TRL's own functions.</summary>
public sealed class SharedLossesTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Names => [.. SharedLosses.Known];

    public static TheoryData<string> AllNames => [.. PreferenceLoss.All.Keys];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void PerPair_GoldenPairs_MatchesValuesAndGradient(string name)
    {
        IReadOnlyList<JsonElement> cases = SharedLosses.Cases(name);
        Assert.NotEmpty(cases);
        Assert.All(cases, Check);
    }

    [Fact]
    public void PerPair_GoldenMixes_MatchesValuesAndGradient()
    {
        IReadOnlyList<JsonElement> mixes = SharedLosses.Mixes();
        Assert.Equal(3, mixes.Count);
        Assert.All(mixes, Check);
    }

    /// <summary>BCO's δ over three batches: the mean over all rewards so far, the present ones included.</summary>
    [Fact]
    public void BcoPair_GoldenSteps_MatchesLossesGradientsAndRunningMean()
    {
        const double Beta = 0.1;
        using var mean = new RewardMean();
        foreach (JsonElement step in SharedLosses.Section("bco").GetProperty("steps").EnumerateArray())
        {
            Tensor chosen = Input("policy_chosen_logps").requires_grad_(), rejected = Input("policy_rejected_logps").requires_grad_();
            Tensor chosenRatio = chosen - Input("reference_chosen_logps"), rejectedRatio = rejected - Input("reference_rejected_logps");
            mean.Add(Ranks.One, Beta * chosenRatio, Beta * rejectedRatio);
            GoldenLosses.AssertClose(step.GetProperty("delta").GetDouble(), mean.Value(CPU).item<float>());

            Tensor delta = tensor(step.GetProperty("delta").GetDouble());
            Tensor losses = cat([BcoPair.Desirable(chosenRatio, delta, Beta), BcoPair.Undesirable(rejectedRatio, delta, Beta)]);
            losses.mean().backward();
            GoldenLosses.AssertClose(GoldenLosses.Numbers(step.GetProperty("losses_chosen_then_rejected")), losses);
            GoldenLosses.AssertClose(GoldenLosses.Flat(step.GetProperty("gradient")), cat([chosen.grad!, rejected.grad!]));

            Tensor Input(string name) => tensor(GoldenLosses.Numbers(step.GetProperty(name)));
        }
    }

    /// <summary>KTO on unpaired rows: z from the mismatched ones, weighted losses and their gradients.</summary>
    [Fact]
    public void KtoPerCompletion_GoldenRows_MatchesReferencePointLossesAndGradient()
    {
        JsonElement section = SharedLosses.Section("kto"), inputs = section.GetProperty("inputs");
        JsonElement[] cases = [.. section.GetProperty("cases").EnumerateArray().Where(entry => entry.GetProperty("loss").GetString() == "kto")];
        Assert.Equal(5, cases.Length);
        foreach (JsonElement entry in cases)
        {
            JsonElement parameters = entry.GetProperty("params");
            Tensor mismatched = Sums("kl_policy_token_logps") - Sums("kl_reference_token_logps");
            bool swapped = parameters.GetProperty("kl_rows_policy_and_reference_swapped").GetBoolean(); // makes the mean negative
            Tensor baseline = Kto.ReferencePoint(swapped ? -mismatched : mismatched);
            GoldenLosses.AssertClose(entry.GetProperty("kl").GetDouble(), baseline.item<double>());

            Tensor policy = Sums("policy_token_logps").requires_grad_();
            Tensor losses = Kto.PerCompletion(
                policy - Sums("reference_token_logps"),
                tensor(entry.GetProperty("labels").EnumerateArray().Select(label => label.GetBoolean()).ToArray()),
                baseline,
                parameters.GetProperty("beta").GetDouble(),
                parameters.GetProperty("desirable_weight").GetDouble(),
                parameters.GetProperty("undesirable_weight").GetDouble());
            losses.mean().backward();
            GoldenLosses.AssertClose(GoldenLosses.Numbers(entry.GetProperty("per_sequence_weighted")), losses);
            GoldenLosses.AssertClose(entry.GetProperty("mean").GetDouble(), losses.mean().item<double>());
            GoldenLosses.AssertClose(GoldenLosses.Numbers(entry.GetProperty("gradient_by_sequence_logp")), policy.grad!);
        }

        Tensor Sums(string name) => tensor(inputs.GetProperty(name).EnumerateArray().Select(tokens => GoldenLosses.Numbers(tokens).Sum()).ToArray());
    }

    /// <summary>Float32, log-ratios of about ±400 nats in every combination, and equality.</summary>
    [Theory]
    [MemberData(nameof(AllNames))]
    public void PerPair_SaturatedRows_LossAndGradientAreFinite(string name)
    {
        foreach (double beta in new[] { 0.1, 1.0 })
        {
            PreferenceLoss loss = Bind($$"""{"loss": "{{name}}", "beta": {{beta.ToString(System.Globalization.CultureInfo.InvariantCulture)}}}""");
            double[] low = [-430, -30, -430, -30, -30, -30], high = [-430, -30, -30, -430, -30, -430];
            Tensor chosen = tensor(low).to(ScalarType.Float32).requires_grad_(), rejected = tensor(high).to(ScalarType.Float32).requires_grad_();
            PairLogProbs pairs = Pairs(loss, chosen, rejected, tensor(new double[] { -30, -430, -30, -430, -30, -30 }), tensor(new double[] { -30, -430, -430, -30, -30, -430 }));
            Tensor value = loss.PerPair(pairs);
            value.mean().backward();
            Assert.All(NamedParameters.Values(value), number => Assert.True(float.IsFinite(number), $"beta {beta}: loss {number}"));
            Assert.All(Gradients(chosen, rejected), number => Assert.True(double.IsFinite(number), $"beta {beta}: gradient {number}"));
        }
    }

    /// <summary>Central differences in float64, step 1e-5: the error is of order 1e-10, so 1e-6 leaves no room for a wrong formula.</summary>
    [Theory]
    [MemberData(nameof(AllNames))]
    public void PerPair_CentralDifferences_MatchTheGradient(string name)
    {
        const double Step = 1e-5;
        PreferenceLoss loss = Bind($$"""{"loss": "{{name}}", "beta": 0.4}""");
        double[] start = [-12.3, -8.1, -20.7, -5.2, -9.4, -11.8, -14.9, -7.3]; // chosen, then rejected; no ties, no hinge at its edge
        Tensor chosen = tensor(start[..4]).requires_grad_(), rejected = tensor(start[4..]).requires_grad_();
        Mean(chosen, rejected).backward();
        double[] gradient = Gradients(chosen, rejected);
        Assert.Contains(gradient, value => Math.Abs(value) > 1e-3);
        for (int i = 0; i < start.Length; i++)
        {
            double difference = (Moved(i, Step) - Moved(i, -Step)) / (2 * Step);
            Assert.Equal(difference, gradient[i], 1e-6 * Math.Max(1, Math.Abs(difference)));
        }

        double Moved(int index, double by)
        {
            double[] values = [.. start];
            values[index] += by;
            return Mean(tensor(values[..4]), tensor(values[4..])).item<double>();
        }

        Tensor Mean(Tensor chosen, Tensor rejected) =>
            loss.PerPair(Pairs(loss, chosen, rejected, tensor(new[] { -12.9, -7.7, -19.6, -6.4 }), tensor(new[] { -9.1, -12.6, -13.8, -7.9 }))).mean();
    }

    [Fact]
    public void All_EveryLoss_HasAValueInOneOfTheFixtures()
    {
        string[] golden = [.. GoldenLosses.Root.GetProperty("losses").EnumerateArray().Select(entry => entry.GetProperty("loss").GetString()!)];
        Assert.All(PreferenceLoss.All.Keys, name => Assert.True(SharedLosses.Known.Contains(name) || golden.Any(entry => entry.StartsWith(name, StringComparison.Ordinal)), name));
    }

    private static void Check(JsonElement entry)
    {
        PreferenceLoss loss = Bind(SharedLosses.Recipe(entry));
        PairLogProbs pairs = SharedLosses.Pairs(loss, ScalarType.Float64);
        Tensor perPair = loss.PerPair(pairs);
        perPair.mean().backward();
        GoldenLosses.AssertClose(entry.GetProperty("mean").GetDouble(), perPair.mean().item<double>());
        if (entry.TryGetProperty("per_pair", out JsonElement values))
        {
            GoldenLosses.AssertClose(GoldenLosses.Numbers(values), perPair);
        }

        GoldenLosses.AssertClose([.. Side("chosen"), .. Side("rejected")], tensor(Gradients(pairs.Chosen, pairs.Rejected)));
        PairLogProbs single = SharedLosses.Pairs(loss, ScalarType.Float32); // training's precision overflows earlier
        loss.PerPair(single).mean().backward();
        Assert.All(Gradients(single.Chosen, single.Rejected), number => Assert.True(double.IsFinite(number), $"gradient {number}"));

        // A sequence's log-prob is the sum of its tokens', so its gradient is that of each of its tokens.
        double[] Side(string side) => entry.TryGetProperty("gradient_by_sequence_logp", out JsonElement sequences)
            ? GoldenLosses.Numbers(sequences.GetProperty(side))
            : [.. entry.GetProperty("gradient_per_token").GetProperty(side).EnumerateArray().Select(tokens => tokens[0].GetDouble())];
    }

    private static PreferenceLoss Bind(string recipe) => RecipeReader.Parse<PreferenceRecipe>(recipe, "r.json", []).BindLoss();

    private static PairLogProbs Pairs(PreferenceLoss loss, Tensor chosen, Tensor rejected, Tensor referenceChosen, Tensor referenceRejected) => new(
        chosen,
        rejected,
        loss.NeedsReference ? referenceChosen.to(chosen.dtype) : null,
        loss.NeedsReference ? referenceRejected.to(chosen.dtype) : null,
        full_like(chosen.detach(), 20),
        full_like(chosen.detach(), 12))
    {
        MeanChosenLength = 20,
        Mismatched = loss.NeedsMismatched ? tensor(new[] { 0.5, 0.3 }).to(chosen.dtype) : null,
        RewardMean = loss.NeedsRewardMean ? tensor(0.2).to(chosen.dtype) : null,
    };

    /// <summary>d mean loss / d log-prob of the chosen, then of the rejected completions; 0 where a loss does not read one.</summary>
    private static double[] Gradients(Tensor chosen, Tensor rejected) =>
        [.. new[] { chosen, rejected }.SelectMany(leaf => (leaf.grad ?? zeros_like(leaf)).to(ScalarType.Float64).data<double>().ToArray())];
}
