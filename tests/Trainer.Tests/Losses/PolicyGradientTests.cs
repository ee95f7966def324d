using System.Text.Json;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Rl;
using Rudder.Trainer.Tests.Rl;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Losses;

public sealed class PolicyGradientTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Reinforce_KnownAdvantages_GradientIsTheNegatedAdvantage()
    {
        Tensor logProbs = tensor(new[] { -3.0, -5.0 }, requires_grad: true);
        Tensor loss = PolicyGradient.Reinforce(logProbs, tensor(new[] { 2.0, -0.5 }));
        loss.sum().backward();
        GoldenLosses.AssertClose([6, -2.5], loss); // −A·log π
        GoldenLosses.AssertClose([-2, 0.5], logProbs.grad!);
    }

    [Fact]
    public void Reinforce_WithExactKl_GradientMatchesFiniteDifferences()
    {
        Tensor reference = tensor(new[] { 0.3, -0.2, 0.9, 0.1, 0.4, -1.0 }).reshape(2, 3);
        NumericGradient.AssertMatches([0.2, -0.4, 1.1, 0.7, -0.3, 0.5], logits =>
        {
            Tensor rows = logits.reshape(2, 3);
            Tensor drawn = SequenceLogProbs.OfTokens(rows, tensor(new long[] { 2, 0 })); // [2], one completion of two tokens
            return PolicyGradient.Reinforce(drawn.sum(), tensor(0.7)) + (0.3 * Kl.Exact(rows, reference).sum());
        });
    }

    [Fact]
    public void Clipped_GoldenRatios_MatchesLossAndClipFraction()
    {
        JsonElement ppo = GoldenLosses.Root.GetProperty("ppo");
        Tensor ratios = tensor(GoldenLosses.Numbers(ppo.GetProperty("log_ratio")));
        Tensor advantages = tensor(GoldenLosses.Numbers(ppo.GetProperty("advantages")));
        double clip = ppo.GetProperty("clip").GetDouble();
        Tensor old = zeros_like(ratios);

        GoldenLosses.AssertClose(ppo.GetProperty("policy_loss_mean").GetDouble(), PolicyGradient.Clipped(ratios, old, advantages, clip, clip).mean().item<double>());
        GoldenLosses.AssertClose(
            ppo.GetProperty("clipfrac").GetDouble(), PolicyGradient.IsClipped(ratios, old, advantages, clip, clip).to(ScalarType.Float64).mean().item<double>());
        GoldenLosses.AssertClose(ppo.GetProperty("approx_kl_half_sq").GetDouble(), PolicyGradient.ApproximateKl(ratios, old).mean().item<double>());
    }

    [Theory]
    [InlineData(1.5)]
    [InlineData(-1.5)]
    public void Clipped_BothSidesOfTheClip_GradientMatchesFiniteDifferences(double advantage) => NumericGradient.AssertMatches(
        [-0.5, -0.1, 0, 0.1, 0.5],
        logProbs => PolicyGradient.Clipped(logProbs, zeros_like(logProbs), full_like(logProbs, advantage), 0.2, 0.28));

    [Fact]
    public void Clipped_SaturatedRatios_LossAndGradientAreFinite()
    {
        Tensor logProbs = tensor(new[] { -400f, 0f, 400f }, requires_grad: true);
        Tensor loss = PolicyGradient.Clipped(logProbs, zeros_like(logProbs), tensor(new[] { 1f, -1f, 1f }), 0.2, 0.2);
        loss.sum().backward();
        Assert.All(loss.detach().data<float>().ToArray(), value => Assert.True(float.IsFinite(value)));
        Assert.All(logProbs.grad!.data<float>().ToArray(), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void GrpoLoss_TrlCases_MatchesLossAndGradient()
    {
        JsonElement section = TrlLosses.Section("grpo_loss"), inputs = section.GetProperty("inputs");
        int[] lengths = [.. TrlLosses.Rows(inputs.GetProperty("mask")).Select(row => (int)row.Sum())];
        double[][] policy = Rows("policy_token_logps"), old = Rows("old_token_logps"), reference = Rows("reference_token_logps");
        Tensor advantages = TrlLosses.Spread([.. inputs.GetProperty("advantages").EnumerateArray().Select(value => value.GetDouble())], lengths);
        JsonElement[] cases = [.. section.GetProperty("cases").EnumerateArray().Where(IsOurs)];
        Assert.Equal(6, cases.Length);
        foreach (JsonElement one in cases)
        {
            JsonElement settings = one.GetProperty("params");
            Tensor logProbs = TrlLosses.Flat(policy, lengths, gradient: true);
            Tensor sampled = settings.GetProperty("old_logps_given").GetBoolean() ? TrlLosses.Flat(old, lengths) : logProbs.detach();
            double[] weights = TokenWeights.Of(
                one.GetProperty("loss_type").GetString()!.Replace('_', '-'), lengths, settings.GetProperty("max_completion_length").GetInt32());
            Tensor perToken = PolicyGradient.Clipped(logProbs, sampled, advantages, Setting("epsilon_low"), Setting("epsilon_high"))
                + (Setting("beta") * Kl.K3(logProbs, TrlLosses.Flat(reference, lengths)));
            Tensor loss = (perToken * TrlLosses.Spread(weights, lengths)).sum();
            loss.backward();

            GoldenLosses.AssertClose(one.GetProperty("loss").GetDouble(), loss.item<double>());
            GoldenLosses.AssertClose(
                TrlLosses.Flat(TrlLosses.Rows(one.GetProperty("gradient_by_token_logp")), lengths).data<double>().ToArray(), logProbs.grad!);

            double Setting(string name) => settings.GetProperty(name).GetDouble();
        }

        double[][] Rows(string name) => TrlLosses.Rows(inputs.GetProperty(name));
    }

    [Fact]
    public void RlooLoss_TrlCases_MatchesLossAndGradientOfWholeSequences()
    {
        JsonElement section = TrlLosses.Section("rloo"), inputs = section.GetProperty("inputs");
        int[] lengths = [.. TrlLosses.Rows(inputs.GetProperty("mask")).Select(row => (int)row.Sum())];
        foreach (JsonElement one in section.GetProperty("cases").EnumerateArray())
        {
            Tensor logProbs = tensor(Sums("policy_token_logps"), requires_grad: true);
            Tensor advantages = tensor(GoldenLosses.Numbers(one.GetProperty("advantages")));
            double low = one.GetProperty("params").GetProperty("epsilon_low").GetDouble(), high = one.GetProperty("params").GetProperty("epsilon_high").GetDouble();
            Tensor loss = PolicyGradient.Clipped(logProbs, tensor(Sums("old_token_logps")), advantages, low, high).mean();
            loss.backward();

            GoldenLosses.AssertClose(one.GetProperty("loss").GetDouble(), loss.item<double>());
            GoldenLosses.AssertClose(GoldenLosses.Numbers(one.GetProperty("gradient_by_sequence_logp")), logProbs.grad!);
        }

        double[] Sums(string name) => [.. TrlLosses.Rows(inputs.GetProperty(name)).Select((row, i) => row.Take(lengths[i]).Sum())];
    }

    /// <summary>The cases of the three variants that the recipe has, without TRL's further options and without accumulated batches.</summary>
    private static bool IsOurs(JsonElement one)
    {
        JsonElement settings = one.GetProperty("params");
        return one.GetProperty("loss_type").GetString() is "grpo" or "dr_grpo" or "dapo"
            && settings.GetProperty("importance_sampling_level").GetString() == "token"
            && settings.GetProperty("delta").ValueKind == JsonValueKind.Null
            && settings.GetProperty("off_policy_mask_threshold").ValueKind == JsonValueKind.Null
            && settings.GetProperty("top_entropy_quantile").GetDouble() == 1
            && settings.GetProperty("entropy_coef").GetDouble() == 0
            && settings.GetProperty("gradient_accumulation_steps").GetInt32() == 1
            && settings.GetProperty("num_items_in_batch").GetDouble() == 45; // the tokens of the inputs
    }
}
