using Rudder.InferenceService.Scheduling;

namespace Rudder.InferenceService.Tests.Scheduling;

public class MicroBatcherTests
{
    [Fact]
    public void Split_MixedLengths_SortsAndBoundsRowsTimesLongest()
    {
        int[] lengths = [3, 10, 2, 9, 1];
        Assert.Equal([[1, 3], [0, 2, 4]], MicroBatcher.Split(lengths, lengths, maxTokens: 20, maxOutputs: 1000));
    }

    [Fact]
    public void Split_OutputsBounded_StartsANewBatch() =>
        Assert.Equal([[0, 1], [2]], MicroBatcher.Split([5, 5, 5], [4, 4, 4], maxTokens: 100, maxOutputs: 8));

    [Fact]
    public void Split_LongerThanTheBound_FormsItsOwnBatch() =>
        Assert.Equal([[1], [0]], MicroBatcher.Split([5, 50], [1, 99], maxTokens: 20, maxOutputs: 10));

    [Fact]
    public void Split_Nothing_GivesNothing() => Assert.Empty(MicroBatcher.Split([], [], 10, 10));
}
