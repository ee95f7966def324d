using Rudder.Trainer.Parallel;

namespace Rudder.Trainer.Rl;

/// <summary>The scores of a step's completions.</summary>
/// <param name="Total">Weighted sum of all rewards, one per completion.</param>
/// <param name="ByName">Each reward's own scores, not weighted, in the recipe's order.</param>
internal sealed record RewardScores(double[] Total, IReadOnlyList<KeyValuePair<string, double[]>> ByName)
{
    /// <summary>The scores of all processes, each of which scored its part of the completions.</summary>
    public RewardScores Join(Ranks ranks) =>
        new(ranks.Gather(Total), [.. ByName.Select(reward => KeyValuePair.Create(reward.Key, ranks.Gather(reward.Value)))]);

    /// <summary>Means over the step: <c>objective/scores</c> and <c>reward/NAME</c>.</summary>
    public IEnumerable<KeyValuePair<string, double>> Metrics() =>
    [
        new("objective/scores", Total.Average()),
        .. ByName.Select(reward => KeyValuePair.Create($"reward/{reward.Key}", reward.Value.Average())),
    ];
}
