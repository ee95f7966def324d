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

    [Theory]
    [InlineData(8, 0, "schedule.warmup_steps is 8, but the run has 8 steps")]
    [InlineData(2, 7, "schedule.decay_steps is 7, but of the run's 8 steps the warm-up leaves 6")]
    [InlineData(7, 0, null)]
    [InlineData(2, 6, null)]
    public void Steps_ScheduleLongerThanTheRun_IsRefused(int warmup, int decay, string? problem)
    {
        using var world = new TinyTraining();
        var recipe = world.Sft("schedule.name=constant", $"schedule.warmup_steps={warmup}", $"schedule.decay_steps={decay}"); // 2 epochs
        if (problem is null)
        {
            Assert.Equal(8, TrainingLength.Steps(recipe, 4, 20));
            return;
        }

        BadInputException error = Assert.Throws<BadInputException>(() => TrainingLength.Steps(recipe, 4, 20));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }
}
