using Rudder.Engine;
using Rudder.Trainer.Rl;

namespace Rudder.Trainer.Tests.Rl;

public sealed class RolloutEngineTests
{
    [Fact]
    public void RequireWeights_CompletionOfOlderWeights_IsRefused()
    {
        var sequence = new GeneratedSequence(0, [1], [-1], GenerationEnd.Stop, 0) { WeightsVersion = 3 };
        RolloutEngine.RequireWeights(sequence, 3);
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => RolloutEngine.RequireWeights(sequence, 4));
        Assert.Contains("weights 3; the policy's are 4", error.Message, StringComparison.Ordinal);
    }
}
