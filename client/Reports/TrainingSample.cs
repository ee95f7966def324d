using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Client.Reports;

/// <summary>A completion that an on-policy training logged in <c>samples.jsonl</c>.</summary>
/// <param name="Step">Optimizer step, from 1.</param>
/// <param name="Prompt">Text of the prompt.</param>
/// <param name="Completion">Text of the completion.</param>
/// <param name="Reward">Weighted sum of its rewards.</param>
/// <param name="Kl">Exact KL along it, nats.</param>
internal sealed record TrainingSample(int Step, string Prompt, string Completion, double Reward, double Kl)
{
    /// <summary>Name of the file in a run folder of the trainer.</summary>
    public const string FileName = "samples.jsonl";

    /// <summary>Steps shown at most.</summary>
    public const int MaxSteps = 8;

    private const int PerStep = 2;
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    /// <summary>The first completions of evenly spread steps; none without a file. Damaged lines are passed over.</summary>
    public static IReadOnlyList<TrainingSample> Read(string path)
    {
        IGrouping<int, TrainingSample>[] steps = File.Exists(path)
            ? [.. File.ReadLines(path).Select(Parse).OfType<TrainingSample>().GroupBy(sample => sample.Step).OrderBy(step => step.Key)]
            : [];
        int shown = Math.Min(steps.Length, MaxSteps);
        return [.. Enumerable.Range(0, shown).SelectMany(i => steps[shown == 1 ? 0 : i * (steps.Length - 1) / (shown - 1)].Take(PerStep))];
    }

    private static TrainingSample? Parse(string line)
    {
        try
        {
            return JsonNode.Parse(line, documentOptions: Options) is JsonObject row
                && Value<int>(row, "step") is { } step
                && row["prompt"] is JsonValue prompt
                && row["completion"] is JsonValue completion
                && Value<double>(row, "reward") is { } reward
                && Value<double>(row, "kl") is { } kl
                ? new TrainingSample(step, prompt.ToString(), completion.ToString(), reward, kl)
                : null;
        }
        catch (Exception damaged) when (damaged is JsonException or InvalidOperationException) // the latter for half a surrogate pair
        {
            return null;
        }
    }

    private static T? Value<T>(JsonObject row, string key)
        where T : struct => row[key] is JsonValue value && value.TryGetValue(out T number) ? number : null;
}
