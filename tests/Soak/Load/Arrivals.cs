namespace Rudder.InferenceService.Soak.Load;

/// <summary>Two ways to load a service: callers that wait for their answer before they ask again, and arrivals that do not care.</summary>
internal static class Arrivals
{
    // Beyond this the generator itself is what is overloaded; the rest is counted, not sent.
    private const int MaxInFlight = 2000;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(5);

    /// <summary>Closed loop: a fixed number of callers back to back.</summary>
    /// <param name="callers">How many.</param>
    /// <param name="length">For how long new requests are made.</param>
    /// <param name="request">Makes the request of a number.</param>
    /// <param name="time">The clock.</param>
    /// <returns>Requests finished per second.</returns>
    public static async Task<double> ClosedAsync(int callers, TimeSpan length, Func<int, Task> request, TimeProvider time)
    {
        int next = 0;
        int finished = 0;
        long start = time.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
        {
            while (time.GetElapsedTime(start) < length)
            {
                await request(Interlocked.Increment(ref next));
                Interlocked.Increment(ref finished);
            }
        })));
        return finished / time.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Open loop: random arrivals (exponential gaps) at a fixed rate, independent of replies. Returns when all ended.</summary>
    /// <param name="perSecond">Arrivals per second on average.</param>
    /// <param name="length">For how long there are arrivals.</param>
    /// <param name="seed">Of the moments.</param>
    /// <param name="request">Makes the request of a number.</param>
    /// <param name="time">The clock.</param>
    /// <returns>Requests sent, and those held back because too many were in flight.</returns>
    public static async Task<(int Sent, int HeldBack)> OpenAsync(double perSecond, TimeSpan length, int seed, Func<int, Task> request, TimeProvider time)
    {
        var random = new Random(seed);
        var running = new List<Task>();
        using var timer = new PeriodicTimer(Tick, time);
        int number = 0;
        int heldBack = 0;
        double due = 0;                                      // seconds after the start
        long start = time.GetTimestamp();
        for (TimeSpan now = TimeSpan.Zero; now < length; now = time.GetElapsedTime(start))
        {
            for (; due <= now.TotalSeconds; due -= Math.Log(1 - random.NextDouble()) / perSecond)
            {
                int arrival = ++number;
                if (running.Count < MaxInFlight)
                {
                    running.Add(Task.Run(() => request(arrival)));
                }
                else
                {
                    heldBack++;
                }
            }

            await timer.WaitForNextTickAsync();
            running.RemoveAll(task => task.IsCompletedSuccessfully);
        }

        await Task.WhenAll(running);
        return (number - heldBack, heldBack);
    }
}
