namespace Rudder.Client.Bench;

/// <summary>Keeps a fixed number of requests in flight: the next one starts when one ends.</summary>
/// <param name="inFlight">Requests at once.</param>
/// <param name="duration">Time in which requests start.</param>
/// <param name="time">Clock.</param>
internal sealed class ClosedLoop(int inFlight, TimeSpan duration, TimeProvider time) : ISchedule
{
    private readonly SemaphoreSlim _free = new(inFlight);
    private readonly long _start = time.GetTimestamp();

    public async Task<long?> NextAsync(CancellationToken cancel)
    {
        await _free.WaitAsync(cancel);
        long now = time.GetTimestamp();
        return time.GetElapsedTime(_start, now) < duration ? now : null;
    }

    public void Ended() => _free.Release();
}
