using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

public class TrainingLengthTests
{
    [Theory]
    [InlineData(0, 3, 2, 0)]
    [InlineData(1, 3, 2, 1)]
    [InlineData(20, 3, 1, 7)]
    [InlineData(20, 3, 2, 4)] // 7 batches: three steps of two and one of one
    [InlineData(20, 5, 4, 1)]
    public void StepsPerEpoch_PartialLastStep_Counts(int rows, int batch, int accumulation, int expected) =>
        Assert.Equal(expected, TrainingLength.StepsPerEpoch(rows, batch, accumulation));
}
