namespace Rudder.Client.Bench;

/// <summary>
/// Starts requests at the times of a Poisson process, however many are still in flight. Latencies count from these times, not from
/// the moment of sending: a stall of client or server then shows in every request that it delays (no coordinated omission).
/// </summary>
/// <param name="rate">Mean arrivals per second.</param>
/// <param name="duration">Time in which requests start.</param>
/// <param name="random">Seeded generator.</param>
/// <param name="time">Clock.</param>
internal sealed class OpenLoop(double rate, TimeSpan duration, Random random, TimeProvider time) : ISchedule
{
    private readonly long _start = time.GetTimestamp();
    private double _due; // seconds after the start

    public async Task<long?> NextAsync(CancellationToken cancel)
    {
        _due += -Math.Log(1 - random.NextDouble()) / rate; // exponential gaps
        if (_due >= duration.TotalSeconds)
        {
            return null;
        }

        TimeSpan wait = TimeSpan.FromSeconds(_due) - time.GetElapsedTime(_start);
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, time, cancel);
        }

        return _start + (long)(_due * time.TimestampFrequency);
    }

    public void Ended()
    {
        // Arrivals do not depend on what has ended.
    }
}
