using System.Diagnostics;

namespace Rudder.Benchmarks;

/// <summary>A closed loop: callers that each ask again as soon as they have their answer. Lean, for its own processor time counts on a small machine.</summary>
internal static class ServingLoad
{
    /// <summary>Runs every caller to its end.</summary>
    /// <param name="callers">In flight at once.</param>
    /// <param name="requests">Of each caller, one after another.</param>
    /// <param name="ask">Makes request n of caller c.</param>
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
/// <param name="FirstTokenMilliseconds">Until the first of them had come; NaN where they come all at once.</param>
internal readonly record struct ServedRequest(int Tokens, double FirstTokenMilliseconds);

/// <summary>What one round of a closed loop measured.</summary>
/// <param name="TokensPerSecond">Tokens drawn, over the wall time from the first request to the last answer.</param>
/// <param name="Latencies">Of each request, ms.</param>
/// <param name="FirstTokens">Of each request, ms; NaN where not measured.</param>
internal sealed record ServingRound(double TokensPerSecond, double[] Latencies, double[] FirstTokens)
{
    /// <summary>The smallest value that a share of the values does not exceed.</summary>
    public static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }
}
