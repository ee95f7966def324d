using Rudder.Trainer.Rl;

namespace Rudder.Trainer.Tests.Rl;

public sealed class RepetitionTests
{
    [Theory]
    [InlineData(new[] { 1, 2, 3, 4 }, 0)]
    [InlineData(new[] { 1, 2, 1, 2, 1 }, 0.5)] // 12 21 12 21: two of four are new
    [InlineData(new[] { 7, 7, 7, 7, 7 }, 0.75)]
    [InlineData(new[] { 7 }, 0)]
    public void Of_Ids_IsTheShareOfRepeatedPairs(int[] ids, double expected) => Assert.Equal(expected, Repetition.Of(ids), 1e-9);
}
