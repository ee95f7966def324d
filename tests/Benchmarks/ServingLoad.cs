using System.Diagnostics;

namespace Rudder.Benchmarks;

/// <summary>
/// A closed loop: each caller asks again as soon as it has its answer. The loop is small, because its processor time counts on a small
/// machine.
/// </summary>
internal static class ServingLoad
{
    /// <summary>Runs all callers until they finish.</summary>
    /// <param name="callers">Number of concurrent callers.</param>
    /// <param name="requests">Number of requests of each caller, one after another.</param>
    /// <param name="ask">Sends request n of caller c.</param>
    public static async Task<ServingRound> RunAsync(int callers, int requests, Func<int, int, Task<ServedRequest>> ask)
    {
        var served = new ServedRequest[callers * requests];
        double[] latencies = new double[served.Length];
        long start = Stopwatch.GetTimestamp();
        var running = new Task[callers];
        for (int caller = 0; caller < callers; caller++)
        {
            running[caller] = CallAsync(caller);
        }

        await Task.WhenAll(running);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new ServingRound(served.Sum(request => request.Tokens) / seconds, latencies, [.. served.Select(request => request.FirstTokenMilliseconds)]);

        async Task CallAsync(int caller)
        {
            for (int request = 0; request < requests; request++)
            {
                int place = (caller * requests) + request;
                long asked = Stopwatch.GetTimestamp();
                served[place] = await ask(caller, request);
                latencies[place] = Stopwatch.GetElapsedTime(asked).TotalMilliseconds;
            }
        }
    }
}

/// <summary>One answer.</summary>
/// <param name="Tokens">Tokens drawn.</param>
/// <param name="FirstTokenMilliseconds">Time until the first token; NaN if all tokens arrive together.</param>
internal readonly record struct ServedRequest(int Tokens, double FirstTokenMilliseconds);

/// <summary>The measurements of one round of a closed loop.</summary>
/// <param name="TokensPerSecond">Tokens drawn per second of wall time, from the first request to the last answer.</param>
/// <param name="Latencies">Latency of each request, ms.</param>
/// <param name="FirstTokens">Time to the first token of each request, ms; NaN if not measured.</param>
internal sealed record ServingRound(double TokensPerSecond, double[] Latencies, double[] FirstTokens)
{
    /// <summary>Returns the percentile: the smallest value that the given share of the values does not exceed.</summary>
    public static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }
}
