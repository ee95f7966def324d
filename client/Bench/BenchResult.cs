namespace Rudder.Client.Bench;

/// <summary>The result of a benchmark. docs/client-bench.md defines each metric.</summary>
/// <param name="Api">grpc or openai.</param>
/// <param name="Service">Address of the server.</param>
/// <param name="Model">Name of the model.</param>
/// <param name="Complete">False where it was interrupted.</param>
/// <param name="Settings">What was sent.</param>
/// <param name="Loads">One entry per load, in the order of the command line.</param>
internal sealed record BenchResult(
    string Api,
    Uri Service,
    string Model,
    bool Complete,
    BenchPlan Settings,
    IReadOnlyList<LoadResult> Loads);

/// <summary>What one load measured. Times are in milliseconds.</summary>
/// <param name="InFlight">Closed loop: requests at once.</param>
/// <param name="Rate">Open loop: mean arrivals per second.</param>
/// <param name="Complete">False where it was interrupted.</param>
/// <param name="Seconds">From the start of the load to the end of its last request.</param>
/// <param name="Succeeded">Requests whose stream ended well.</param>
/// <param name="Failed">Requests that were refused or failed.</param>
/// <param name="Unfinished">Requests that an interruption ended.</param>
/// <param name="Errors">The failed requests by status.</param>
/// <param name="RequestsPerSecond">Successful requests per second.</param>
/// <param name="TokensPerSecond">Completion tokens of successful requests per second.</param>
/// <param name="PromptTokens">Prompt tokens of successful requests, as the server counts them.</param>
/// <param name="CompletionTokens">Completion tokens of successful requests.</param>
/// <param name="WithoutUsage">Successful requests whose tokens the server did not count; pieces of text stand for their tokens.</param>
/// <param name="TtftMs">Time to first token; null where nothing arrived.</param>
/// <param name="TpotMs">Time per output token; null where no completion has a second token.</param>
/// <param name="ItlMs">Inter-token latency; null where no completion has a second token.</param>
/// <param name="LatencyMs">Time to the end of the stream.</param>
/// <param name="SendDelayMs">Time by which the client itself sent too late.</param>
/// <param name="Goodput">Null without limits.</param>
internal sealed record LoadResult(
    int? InFlight,
    double? Rate,
    bool Complete,
    double Seconds,
    int Succeeded,
    int Failed,
    int Unfinished,
    IReadOnlyList<RequestErrors> Errors,
    double RequestsPerSecond,
    double TokensPerSecond,
    long PromptTokens,
    long CompletionTokens,
    int WithoutUsage,
    LatencySummary? TtftMs,
    LatencySummary? TpotMs,
    LatencySummary? ItlMs,
    LatencySummary? LatencyMs,
    LatencySummary? SendDelayMs,
    Goodput? Goodput);

/// <summary>Failed requests of one status.</summary>
/// <param name="Status">E.g. RESOURCE_EXHAUSTED, 429, ConnectionError.</param>
/// <param name="Count">How many.</param>
/// <param name="FirstMessage">What the first of them said.</param>
internal sealed record RequestErrors(string Status, int Count, string FirstMessage);

/// <summary>Requests that keep every given limit.</summary>
/// <param name="Share">Of all requests that ended, failed ones included.</param>
/// <param name="RequestsPerSecond">Per second.</param>
internal sealed record Goodput(double Share, double RequestsPerSecond);
