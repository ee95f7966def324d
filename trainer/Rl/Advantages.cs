namespace Rudder.Trainer.Rl;

/// <summary>Advantages of sampled completions. Groups are n consecutive rewards, the completions of one prompt.</summary>
internal static class Advantages
{
    private const double GroupEpsilon = 1e-4;
    private const double WhiteningEpsilon = 1e-8;

    /// <summary>Leave-one-out (RLOO, arXiv:2402.14740 eq. 9): r_i minus the mean of the group's other rewards.</summary>
    /// <param name="rewards">Rewards, any unit; whole groups in order.</param>
    /// <param name="group">n, at least 2.</param>
    /// <returns>One per reward, in the unit of the rewards. The baseline is independent of y_i, so the gradient stays unbiased.</returns>
    public static double[] LeaveOneOut(IReadOnlyList<double> rewards, int group) =>
        ByGroup(rewards, group, members =>
        {
            double sum = members.Sum();
            return Array.ConvertAll(members, reward => reward - ((sum - reward) / (group - 1)));
        });

    /// <summary>
    /// GRPO (arXiv:2402.03300 §4.1.2): (r_i − mean)/(std + 1e-4), std with n − 1; without the division, Dr. GRPO (arXiv:2503.20783).
    /// </summary>
    /// <param name="rewards">Rewards; whole groups in order.</param>
    /// <param name="group">n, at least 2.</param>
    /// <param name="divideByDeviation">False for Dr. GRPO, which keeps the unit of the rewards.</param>
    /// <returns>One per reward; 0 in a group of equal rewards.</returns>
    public static double[] OfGroup(IReadOnlyList<double> rewards, int group, bool divideByDeviation = true) =>
        ByGroup(rewards, group, members =>
        {
            double mean = members.Average();
            double scale = divideByDeviation ? Math.Sqrt(Variance(members, mean)) + GroupEpsilon : 1;
            return Array.ConvertAll(members, reward => (reward - mean) / scale);
        });

    /// <summary>Whitening over all tokens of a batch (PPO): (a − mean)/√(variance + 1e-8), variance with N − 1.</summary>
    /// <param name="advantages">Padding left out.</param>
    /// <returns>Mean 0 and variance 1, no unit. A single advantage has no variance and becomes 0, its distance from the mean.</returns>
    public static double[] Whitened(IReadOnlyList<double> advantages)
    {
        if (advantages.Count < 2)
        {
            return new double[advantages.Count];
        }

        double mean = advantages.Average();
        double scale = Math.Sqrt(Variance(advantages, mean) + WhiteningEpsilon);
        return [.. advantages.Select(advantage => (advantage - mean) / scale)];
    }

    private static double Variance(IReadOnlyList<double> values, double mean) =>
        values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1);

    private static double[] ByGroup(IReadOnlyList<double> rewards, int group, Func<double[], double[]> advantages)
    {
        if (group < 2 || rewards.Count % group != 0)
        {
            throw new ArgumentException($"{rewards.Count} rewards do not divide into groups of {group}; a group has at least 2.", nameof(group));
        }

        return [.. rewards.Chunk(group).SelectMany(advantages)];
    }
}
