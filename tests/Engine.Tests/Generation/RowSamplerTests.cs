using Rudder.Engine.Generation;
using Rudder.Engine.Sampling;

namespace Rudder.Engine.Tests.Generation;

public class RowSamplerTests
{
    [Theory]
    [InlineData(1, 64)]
    [InlineData(2, 3)]
    [InlineData(2, 64)]
    [InlineData(5, 64)]
    [InlineData(3, 0)]
    public void Run_ManyTimes_DoesEveryRowOnceEachTime(int threads, int rows)
    {
        using var sampler = new RowSampler(threads);
        int[] times = new int[rows];
        for (int run = 1; run <= 200; run++)
        {
            sampler.Run(rows, (row, _) => Interlocked.Increment(ref times[row]));
            Assert.All(times, count => Assert.Equal(run, count));
        }
    }

    [Fact]
    public void Run_TwoThreads_RowsRunAtTheSameTime()
    {
        using var sampler = new RowSampler(2);
        var meeting = new Meeting();
        sampler.Run(4, meeting.Do);
        Assert.True(meeting.Met);
    }

    /// <summary>The first two rows wait for each other.</summary>
    private sealed class Meeting
    {
        private readonly CountdownEvent _here = new(2);

        public bool Met { get; private set; }

        public void Do(int row, TokenSampler sampler)
        {
            if (row < 2)
            {
                _here.Signal();
                Met = _here.Wait(TimeSpan.FromSeconds(30));
            }
        }
    }
}
