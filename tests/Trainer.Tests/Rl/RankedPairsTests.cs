using Rudder.Trainer.Rl;

namespace Rudder.Trainer.Tests.Rl;

public sealed class RankedPairsTests
{
    [Fact]
    public void Of_TwoGroups_OrdersEachAndDropsTies()
    {
        Rollout[] rollouts = [Completion(1), Completion(2), Completion(3), Completion(4), Completion(5), Completion(5)];
        Assert.Equal([(1, 0), (2, 1), (3, 4), (3, 5)], RankedPairs.Of(rollouts, [0, 1, 2, 2, 1, 1.5], 3).Where(pair => pair != (2, 0)));
        Assert.Contains((2, 0), RankedPairs.Of(rollouts, [0, 1, 2, 2, 1, 1.5], 3)); // 4 and 5 are equal completions
        Assert.Empty(RankedPairs.Of(rollouts[..3], [1, 1, 1], 3));
    }

    private static Rollout Completion(int id) => new(new RolloutPrompt("p", [1], "p"), 0, [id], [0], 0, false, "p", string.Empty);
}
