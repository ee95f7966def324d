using System.Text.Json;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Rl;
using Rudder.Trainer.Tests.Losses;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Rl;

public sealed class TokenRewardsTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Of_TwoTokens_PenalisesEachAndScoresTheLast()
    {
        double[] rewards = TokenRewards.Of([2, -1], score: 3, klCoefficient: 0.1);
        GoldenLosses.AssertClose(-0.2, rewards[0]);
        GoldenLosses.AssertClose(3.1, rewards[1]);
    }

    [Fact]
    public void Gae_GoldenRewards_MatchesAdvantagesAndReturns()
    {
        JsonElement ppo = GoldenLosses.Root.GetProperty("ppo");
        (double[] advantages, double[] returns) = TokenRewards.Gae(
            Numbers("rewards"), Numbers("values"), ppo.GetProperty("gamma").GetDouble(), ppo.GetProperty("lambda").GetDouble());
        AssertClose(Numbers("advantages"), advantages);
        AssertClose(Numbers("returns"), returns);

        double[] Numbers(string name) => GoldenLosses.Numbers(ppo.GetProperty(name));
    }

    /// <summary>
    /// TRL keeps a value one position past the last token, where that fits, and puts the score there: a row of our definition with a
    /// further token of k1 = 0. Policy terms are over the real tokens, value terms over the longer rows.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Ppo_TrlCase_MatchesRewardsReturnsLossesAndGradients(int index)
    {
        JsonElement section = TrlLosses.Section("ppo"), one = section.GetProperty("cases")[index], settings = one.GetProperty("params");
        JsonElement inputs = section.GetProperty("inputs");
        double[][] old = Rows(inputs, "old_token_logps"), reference = Rows(inputs, "reference_token_logps"), values = Rows(inputs, "values");
        double[] scores = GoldenLosses.Numbers(inputs.GetProperty("scores"));
        int[] real = [.. inputs.GetProperty("last_token_index").EnumerateArray().Select(last => last.GetInt32() + 1)];
        int[] wide = [.. real.Select(length => Math.Min(length + 1, old[0].Length))];
        bool rewardsAreOurs = settings.GetProperty("kl_estimator").GetString() == "k1" && !settings.GetProperty("whiten_rewards").GetBoolean();
        double[][] expected = Rows(one, "rewards");
        List<double> raw = [], returns = [];
        for (int i = 0; i < real.Length; i++)
        {
            double[] rewards = expected[i][..wide[i]]; // TRL's other estimators are not ours: take their rewards as given
            if (rewardsAreOurs)
            {
                double[] k1 = [.. Enumerable.Range(0, wide[i]).Select(t => t < real[i] ? old[i][t] - reference[i][t] : 0)];
                rewards = TokenRewards.Of(k1, scores[i], Setting("kl_coef"));
                AssertClose(expected[i][..wide[i]], rewards);
            }

            (double[] advantages, double[] of) = TokenRewards.Gae(rewards, values[i][..wide[i]], Setting("gamma"), Setting("lam"));
            AssertClose(Rows(one, "returns")[i][..wide[i]], of);
            raw.AddRange(advantages[..real[i]]);
            returns.AddRange(of);
        }

        double[] whitened = Advantages.Whitened(raw);
        AssertClose([.. Rows(one, "advantages").SelectMany((row, i) => row[..real[i]])], whitened);

        Tensor logProbs = TrlLosses.Flat(Rows(inputs, "new_token_logps"), real, gradient: true), sampled = TrlLosses.Flat(old, real);
        Tensor now = TrlLosses.Flat(Rows(inputs, "new_values"), wide, gradient: true), before = TrlLosses.Flat(values, wide);
        double clip = Setting("cliprange");
        Tensor policy = PolicyGradient.Clipped(logProbs, sampled, tensor(whitened), clip, clip).mean();
        Tensor value = ValueLoss.Clipped(now, before, tensor(returns.ToArray()), Setting("cliprange_value")).mean();
        (policy + (Setting("vf_coef") * value)).backward();

        GoldenLosses.AssertClose(one.GetProperty("policy_loss").GetDouble(), policy.item<double>());
        GoldenLosses.AssertClose(one.GetProperty("value_loss").GetDouble(), value.item<double>());
        GoldenLosses.AssertClose(one.GetProperty("policy_clip_fraction").GetDouble(), Share(PolicyGradient.IsClipped(logProbs, sampled, tensor(whitened), clip, clip)));
        GoldenLosses.AssertClose([.. Rows(one, "gradient_by_new_logp").SelectMany((row, i) => row[..real[i]])], logProbs.grad!);
        GoldenLosses.AssertClose([.. Rows(one, "gradient_by_new_value").SelectMany((row, i) => row[..wide[i]])], now.grad!);
        double approximate = PolicyGradient.ApproximateKl(logProbs, sampled).sum().item<double>() / (old.Length * old[0].Length); // TRL counts padding as 0
        GoldenLosses.AssertClose(one.GetProperty("approxkl (0.5*mean of squared difference over ALL positions, padding included as 0)").GetDouble(), approximate);

        double Setting(string name) => settings.GetProperty(name).GetDouble();
    }

    private static double Share(Tensor flags) => flags.to(ScalarType.Float64).mean().item<double>();

    private static double[][] Rows(JsonElement parent, string name) => TrlLosses.Rows(parent.GetProperty(name));

    private static void AssertClose(double[] expected, double[] actual) => GoldenLosses.AssertClose(expected, tensor(actual));
}
