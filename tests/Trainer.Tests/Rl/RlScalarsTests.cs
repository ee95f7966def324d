using Rudder.Trainer.Rl;
using Rudder.Trainer.Tests.Losses;

namespace Rudder.Trainer.Tests.Rl;

public sealed class RlScalarsTests
{
    [Theory]
    [InlineData(6, 0.2)] // on target
    [InlineData(6.6, 0.202)] // 10 % above, gain 0.1: 1 % more
    [InlineData(60, 0.204)] // the error is clipped to 0.2
    [InlineData(0, 0.196)]
    public void KlCoefficientNext_AroundTheTarget_MovesTowardsIt(double kl, double expected) =>
        GoldenLosses.AssertClose(expected, KlCoefficient.Next(0.2, kl, target: 6, gain: 0.1));

    [Fact]
    public void RunningMean_FirstStep_HasBaseline0AndThenTheStepsOwnMean()
    {
        RunningMean start = default;
        Assert.Equal(0, start.Value);
        RunningMean one = start.With(4, 0.9);
        GoldenLosses.AssertClose(4, one.Value); // corrected for the start at 0
        GoldenLosses.AssertClose(((0.9 * 0.1 * 4) + (0.1 * 2)) / 0.19, one.With(2, 0.9).Value);
    }

    [Fact]
    public void TokenWeights_EveryVariant_SumsToItsDefinition()
    {
        int[] lengths = [1, 3];
        GoldenLosses.AssertClose(0.5, TokenWeights.Of("grpo", lengths, 10)[0]); // 1/1/2
        GoldenLosses.AssertClose(0.5 / 3, TokenWeights.Of("grpo", lengths, 10)[1]);
        Assert.All(TokenWeights.Of("dr-grpo", lengths, 10), weight => GoldenLosses.AssertClose(0.05, weight));
        Assert.All(TokenWeights.Of("dapo", lengths, 10), weight => GoldenLosses.AssertClose(0.25, weight));
    }
}
