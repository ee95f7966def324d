namespace Rudder.Trainer.Rl;

/// <summary>Rewards completions of a wanted length: −|tokens − target|/target, 0 at best.</summary>
/// <param name="target">Tokens wanted, the end-of-text token included.</param>
internal sealed class LengthReward(int target) : IReward
{
    public double[] Score(IReadOnlyList<Rollout> rollouts, CancellationToken stop) =>
        [.. rollouts.Select(rollout => -Math.Abs(rollout.Ids.Length - target) / (double)target)];

    public void Dispose()
    {
    }
}
