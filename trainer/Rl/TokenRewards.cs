namespace Rudder.Trainer.Rl;

/// <summary>PPO's rewards and advantages of the tokens of one completion, T tokens. Nothing here carries a gradient.</summary>
internal static class TokenRewards
{
    /// <summary>r_t = −kl_coef·k1_t, plus the score at the last token (arXiv:1909.08593 §2.2).</summary>
    /// <param name="k1">log π_θ(y_t) − log π_ref(y_t) of each token, nats. [T]</param>
    /// <param name="score">Reward of the whole completion.</param>
    /// <param name="klCoefficient">Reward per nat, 0 or more.</param>
    /// <returns>Rewards in the score's unit. [T]</returns>
    public static double[] Of(IReadOnlyList<double> k1, double score, double klCoefficient)
    {
        double[] rewards = [.. k1.Select(estimate => -klCoefficient * estimate)];
        rewards[^1] += score;
        return rewards;
    }

    /// <summary>
    /// Generalized advantage estimation, arXiv:1506.02438 eq. 16: A_t = δ_t + γλ·A_{t+1}, δ_t = r_t + γ·V_{t+1} − V_t, V_T = 0.
    /// </summary>
    /// <param name="rewards">r. [T]</param>
    /// <param name="values">V of the state before each token, in the rewards' unit. [T]</param>
    /// <param name="gamma">Discount, 0 to 1.</param>
    /// <param name="lambda">0: one-step errors, biased by V; 1: full returns, noisy.</param>
    /// <returns>Advantages (not whitened) and returns R = A + V. [T]</returns>
    public static (double[] Advantages, double[] Returns) Gae(
        IReadOnlyList<double> rewards, IReadOnlyList<double> values, double gamma, double lambda)
    {
        var advantages = new double[rewards.Count];
        (double next, double nextValue) = (0, 0);
        for (int t = rewards.Count - 1; t >= 0; t--)
        {
            next = rewards[t] + (gamma * nextValue) - values[t] + (gamma * lambda * next);
            (advantages[t], nextValue) = (next, values[t]);
        }

        return (advantages, [.. advantages.Zip(values, (advantage, value) => advantage + value)]);
    }
}
