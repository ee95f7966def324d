using static System.FormattableString;

namespace Rudder.Client.Bench;

/// <summary>A result as a table with one row per load.</summary>
internal static class BenchTable
{
    /// <summary>Writes the table, the errors and what readers must know about the numbers.</summary>
    public static void Write(Display display, BenchResult result)
    {
        display.Table(
            [
                "load", "requests", "failed", "requests/s", "tokens/s", "ttft ms p50/p90/p99", "tpot ms p50/p90/p99", "itl ms p50/p90/p99",
                "goodput",
            ],
            result.Loads.Select(Row));
        foreach (LoadResult load in result.Loads)
        {
            foreach (RequestErrors error in load.Errors)
            {
                display.Line($"{LoadOf(load)}: {error.Count} x {error.Status}: {error.FirstMessage}");
            }
        }

        if (result.Loads.Any(load => load.WithoutUsage > 0))
        {
            display.Line("The server does not count tokens in some streams; each piece of text counts as a token there.");
        }

        if (!result.Complete)
        {
            display.Line("incomplete: the benchmark was interrupted");
        }
    }

    private static Load LoadOf(LoadResult load) => new(load.InFlight, load.Rate);

    private static IEnumerable<string> Row(LoadResult load) =>
    [
        load.Complete ? $"{LoadOf(load)}" : $"{LoadOf(load)} (incomplete)",
        $"{load.Succeeded}",
        $"{load.Failed}",
        Invariant($"{load.RequestsPerSecond:0.00}"),
        Invariant($"{load.TokensPerSecond:0.0}"),
        Cell(load.TtftMs),
        Cell(load.TpotMs),
        Cell(load.ItlMs),
        load.Goodput is { } good ? Invariant($"{good.Share:0.0%} {good.RequestsPerSecond:0.00}/s") : "-",
    ];

    private static string Cell(LatencySummary? times) =>
        times is null ? "-" : Invariant($"{times.P50:0.0}/{times.P90:0.0}/{times.P99:0.0}");
}
