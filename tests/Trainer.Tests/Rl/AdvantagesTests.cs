using System.Text.Json;
using Rudder.Trainer.Rl;
using Rudder.Trainer.Tests.Losses;

namespace Rudder.Trainer.Tests.Rl;

public sealed class AdvantagesTests
{
    private const int Group = 4;

    [Fact]
    public void LeaveOneOut_ThreeRewards_SubtractsTheMeanOfTheOthers() =>
        Assert.Equal([-3.0, 0.0, 3.0], Advantages.LeaveOneOut([1, 3, 5], 3)); // 1 − 4, 3 − 3, 5 − 2

    [Fact]
    public void LeaveOneOut_IncompleteGroup_IsRefused() => Assert.Throws<ArgumentException>(() => Advantages.LeaveOneOut([1, 2, 3], 2));

    [Fact]
    public void Whitened_KnownValues_HasMean0AndSampleVariance1()
    {
        double[] white = Advantages.Whitened([1, 2, 3, 6]);
        GoldenLosses.AssertClose(-2 / Math.Sqrt((14.0 / 3) + 1e-8), white[0]); // mean 3, squares 4 + 1 + 0 + 9 over 3
        GoldenLosses.AssertClose(0, white.Sum());
    }

    [Fact]
    public void Whitened_SingleToken_IsZero() => Assert.Equal([0.0], Advantages.Whitened([3]));

    [Fact]
    public void OfGroup_TrlCases_MatchesWithAndWithoutDivision()
    {
        JsonElement[] cases = [.. TrlLosses.Section("grpo_advantages").GetProperty("cases").EnumerateArray()
            .Where(one => one.GetProperty("scale_rewards").GetString() != "batch" && one.GetProperty("multi_objective_aggregation").GetString() == "sum_then_normalize")];
        Assert.Equal(4, cases.Length);
        foreach (JsonElement one in cases)
        {
            double[] weights = GoldenLosses.Numbers(one.GetProperty("reward_weights"));
            double[] rewards = [.. TrlLosses.Rows(one.GetProperty("rewards_per_function")).Select(row => Total(row, weights))];
            bool divides = one.GetProperty("scale_rewards").GetString() == "group";
            AssertGroups(GoldenLosses.Numbers(one.GetProperty("advantages")), rewards, (members, size) => Advantages.OfGroup(members, size, divides));
        }
    }

    [Fact]
    public void LeaveOneOut_TrlCases_MatchesWithTheKlInTheReward()
    {
        JsonElement section = TrlLosses.Section("rloo"), inputs = section.GetProperty("inputs");
        double[][] old = Rows("old_token_logps"), reference = Rows("reference_token_logps"), mask = Rows("mask");
        JsonElement[] cases = [.. section.GetProperty("cases").EnumerateArray()
            .Where(one => !one.GetProperty("params").GetProperty("normalize_advantages").GetBoolean())];
        Assert.Equal(2, cases.Length);
        foreach (JsonElement one in cases)
        {
            double coefficient = one.GetProperty("params").GetProperty("beta").GetDouble();
            double[] rewards = [.. inputs.GetProperty("rewards").EnumerateArray().Select((reward, i) =>
                TrlLosses.Number(reward) - (coefficient * old[i].Select((value, t) => mask[i][t] * (value - reference[i][t])).Sum()))];
            AssertGroups(GoldenLosses.Numbers(one.GetProperty("advantages")), rewards, Advantages.LeaveOneOut);
        }

        double[][] Rows(string name) => TrlLosses.Rows(inputs.GetProperty(name));
    }

    /// <summary>TRL leaves a row without a reward (NaN) out of its group. Rudder refuses such rewards, so the group is the other rows.</summary>
    private static void AssertGroups(double[] expected, double[] rewards, Func<IReadOnlyList<double>, int, double[]> advantages)
    {
        for (int first = 0; first < rewards.Length; first += Group)
        {
            int[] scored = [.. Enumerable.Range(first, Group).Where(i => !double.IsNaN(rewards[i]))];
            double[] actual = advantages([.. scored.Select(i => rewards[i])], scored.Length);
            Assert.All(scored.Zip(actual), pair => GoldenLosses.AssertClose(expected[pair.First], pair.Second));
        }
    }

    private static double Total(double[] row, double[] weights) =>
        row.All(double.IsNaN) ? double.NaN : row.Select((value, function) => double.IsNaN(value) ? 0 : weights[function] * value).Sum();
}
