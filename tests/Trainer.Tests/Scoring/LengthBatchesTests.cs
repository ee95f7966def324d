using Rudder.Trainer.Scoring;

namespace Rudder.Trainer.Tests.Scoring;

/// <summary>How rows are grouped.</summary>
public sealed class LengthBatchesTests
{
    [Fact]
    public void Of_RaggedRows_LongestFirstWithinTheTokenBound() =>
        Assert.Equal([[1], [3, 2], [0]], LengthBatches.Of([2, 10, 4, 5], [0, 0, 0, 0], maxTokens: 10, maxCost: 0));

    [Fact]
    public void Of_CostBound_SplitsABatch() =>
        Assert.Equal([[0, 1], [2]], LengthBatches.Of([3, 3, 3], [4, 4, 4], maxTokens: 100, maxCost: 8));

    [Fact]
    public void Of_NoRows_GivesNoBatch() => Assert.Empty(LengthBatches.Of([], [], 10, 10));
}
