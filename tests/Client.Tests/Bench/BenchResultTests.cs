using System.Text.Json.Nodes;
using Rudder.Client.Bench;
using Rudder.Client.Files;

namespace Rudder.Client.Tests.Bench;

/// <summary>The keys that programs read, and the table that people read.</summary>
public sealed class BenchResultTests
{
    private static readonly LatencySummary Times = new(2, 1, 3, 4.04, 5);

    private static readonly LoadResult Whole = new(
        null, 2.5, true, 4, 8, 0, 0, [], 2, 100, 64, 400, 0, Times, Times, Times, Times, Times, new Goodput(0.75, 1.5));

    private static readonly LoadResult Broken = new(
        8, null, false, 4, 0, 3, 1, [new RequestErrors("429", 3, "full")], 0, 0, 0, 0, 0, null, null, null, null, null, null);

    private static readonly BenchResult Result = new(
        "openai", new Uri("http://127.0.0.1:8080/v1"), "policy", false, BenchExample.Plan, [Whole, Broken]);

    [Fact]
    public void Json_Result_HasTheDocumentedKeys()
    {
        JsonNode json = JsonNode.Parse(StrictJson.Format(Result))!;
        Assert.Equal(["api", "service", "model", "complete", "settings", "loads"], Keys(json));
        Assert.Equal(
            [
                "prompts_file", "prompt_tokens", "vocabulary", "max_new_tokens", "samples", "warm_up", "count", "duration_seconds",
                "slo_ttft_ms", "slo_tpot_ms", "seed",
            ],
            Keys(json["settings"]!));
        JsonNode load = json["loads"]![0]!;
        Assert.Equal(
            [
                "in_flight", "rate", "complete", "seconds", "succeeded", "failed", "unfinished", "errors", "requests_per_second",
                "tokens_per_second", "prompt_tokens", "completion_tokens", "without_usage", "ttft_ms", "tpot_ms", "itl_ms", "latency_ms",
                "send_delay_ms", "goodput",
            ],
            Keys(load));
        Assert.Equal(["mean", "p50", "p90", "p99", "max"], Keys(load["ttft_ms"]!));
        Assert.Equal(["share", "requests_per_second"], Keys(load["goodput"]!));
        Assert.Equal(["status", "count", "first_message"], Keys(json["loads"]![1]!["errors"]![0]!));
        Assert.Null(json["loads"]![1]!["ttft_ms"]);
        Assert.Equal("""{"min":2,"max":4}""", json["settings"]!["prompt_tokens"]!.ToJsonString());
    }

    [Fact]
    public void Table_TwoLoads_HasARowForEachAndNamesErrors()
    {
        StringWriter shown = new();
        BenchTable.Write(new Display(shown, false, TimeProvider.System), Result);
        string[] lines =
            [.. shown.ToString().Split('\n').Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];
        Assert.Contains("2.5/s 8 0 2.00 100.0 1.0/3.0/4.0 1.0/3.0/4.0 1.0/3.0/4.0 75.0% 1.50/s", lines);
        Assert.Contains("8 in flight (incomplete) 0 3 0.00 0.0 - - - -", lines);
        Assert.Contains("8 in flight: 3 x 429: full", lines);
    }

    private static string[] Keys(JsonNode node) => [.. node.AsObject().Select(pair => pair.Key)];
}
