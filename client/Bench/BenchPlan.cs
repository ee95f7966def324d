using System.Text.Json.Serialization;

namespace Rudder.Client.Bench;

/// <summary>What a benchmark sends and how long. Written into its result.</summary>
/// <param name="Loads">Measured one after another.</param>
/// <param name="Prompts">Texts; null draws random ids.</param>
/// <param name="PromptsFile">File of the texts; null for random ids.</param>
/// <param name="PromptTokens">Length of random prompts; null with a file.</param>
/// <param name="Vocabulary">Random ids lie below it; null leaves it to the target.</param>
/// <param name="MaxNewTokens">Limit of each completion's length.</param>
/// <param name="Samples">Completions of each prompt.</param>
/// <param name="WarmUp">Requests before each load that are not measured.</param>
/// <param name="Count">Measured requests of each load; null where <paramref name="DurationSeconds"/> ends it.</param>
/// <param name="DurationSeconds">Time in which requests start; null where <paramref name="Count"/> ends it.</param>
/// <param name="SloTtftMs">Limit of the time to first token; null for none.</param>
/// <param name="SloTpotMs">Limit of the time per output token; null for none.</param>
/// <param name="Seed">Seed of prompts, lengths, arrivals and completions.</param>
internal sealed record BenchPlan(
    [property: JsonIgnore] IReadOnlyList<Load> Loads,
    [property: JsonIgnore] IReadOnlyList<string>? Prompts,
    string? PromptsFile,
    LengthRange? PromptTokens,
    int? Vocabulary,
    LengthRange MaxNewTokens,
    int Samples,
    int WarmUp,
    int? Count,
    double? DurationSeconds,
    double? SloTtftMs,
    double? SloTpotMs,
    int Seed);
