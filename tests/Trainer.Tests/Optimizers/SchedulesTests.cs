using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Tests.Optimizers;

public class SchedulesTests
{
    [Theory]
    [InlineData("constant", 0, 0.2)] // warm-up of 4: 1/5, 2/5, ...
    [InlineData("constant", 3, 0.8)]
    [InlineData("constant", 4, 1)]
    [InlineData("constant", 103, 1)]
    [InlineData("linear", 4, 1)]
    [InlineData("linear", 54, 0.5)]
    [InlineData("linear", 104, 0)]
    [InlineData("cosine", 4, 1)]
    [InlineData("cosine", 29, 0.8681981)] // 0.1 + 0.9·(1 + cos 45°)/2
    [InlineData("cosine", 54, 0.55)]
    [InlineData("cosine", 104, 0.1)]
    public void Factor_HundredStepsAfterWarmup_MatchesHandValues(string name, int step, double expected)
    {
        var settings = new ScheduleSettings { Name = name, WarmupSteps = 4, Minimum = 0.1 };
        Assert.Equal(expected, Schedules.Factor(settings, step, 104), 1e-6);
    }

    [Theory]
    [InlineData(95, 1)]
    [InlineData(96, 0.8)] // four of five parts left
    [InlineData(99, 0.2)]
    public void Factor_ConstantWithDecaySteps_FallsAtTheEnd(int step, double expected) =>
        Assert.Equal(expected, Schedules.Factor(new ScheduleSettings { Name = "constant", DecaySteps = 4 }, step, 100), 1e-9);
}
