namespace Rudder.Trainer.Rl;

/// <summary>The KL penalty in a step's rewards, for the metrics.</summary>
/// <param name="Coefficient">Reward per nat.</param>
/// <param name="Kl">Mean sequence k1 of the step's completions, nats.</param>
internal sealed record KlPenalty(double Coefficient, double Kl)
{
    /// <summary>Reward before and after the penalty, and the KL that it is taken from.</summary>
    /// <param name="scores">The step's rewards.</param>
    public IEnumerable<KeyValuePair<string, double>> Metrics(RewardScores scores) =>
    [
        new("objective/kl", Kl),
        new("objective/non_score_reward", -Coefficient * Kl),
        new("objective/rlhf_reward", scores.Total.Average() - (Coefficient * Kl)),
        new("objective/kl_coef", Coefficient),
    ];
}
