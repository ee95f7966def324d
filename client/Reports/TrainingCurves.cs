using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Client.Reports;

/// <summary>One value of a training curve.</summary>
/// <param name="Metric">Name as the trainer logs it, e.g. rewards/margins.</param>
/// <param name="Step">Optimizer step.</param>
/// <param name="Value">Mean over the steps that the point stands for.</param>
internal sealed record CurvePoint(string Metric, double Step, double Value);

/// <summary>
/// Reads <c>metrics.jsonl</c>; long runs are thinned to means of consecutive steps. Metrics of evaluations begin with eval/.
/// </summary>
internal static class TrainingCurves
{
    /// <summary>Begins the names of metrics of an evaluation.</summary>
    public const string Evaluation = "eval/";

    /// <summary>Begins the names of the rewards of on-policy trainings.</summary>
    public const string Reward = "reward/";

    private static readonly string[] Metrics =
    [
        "loss", "rewards/margins", "rewards/accuracies", "accuracy", "margin", "objective/scores", "kl/seq_exact", "learning_rate",
        "grad_norm",
    ];

    /// <summary>Points a curve at most.</summary>
    public const int MaxPoints = 120;

    /// <summary>Points of all metrics; none where the file is missing. A last line that is not whole is passed over.</summary>
    public static IReadOnlyList<CurvePoint> Read(string path)
    {
        JsonObject[] rows = File.Exists(path) ? [.. File.ReadLines(path).Select(Parse).OfType<JsonObject>()] : [];
        return
        [
            .. Thin([.. rows.Where(row => SplitOf(row) == "train")], ""),
            .. Thin([.. rows.Where(row => SplitOf(row) == "eval")], Evaluation),
        ];
    }

    private static IEnumerable<CurvePoint> Thin(JsonObject[] rows, string prefix)
    {
        int size = Math.Max(1, (rows.Length + MaxPoints - 1) / MaxPoints);
        IEnumerable<string> rewards = rows
            .SelectMany(row => row.Select(pair => pair.Key))
            .Where(key => key.StartsWith(Reward, StringComparison.Ordinal));
        return Metrics.Concat(rewards.Distinct()).SelectMany(metric =>
            rows.Where(row => Number(row, metric) is not null)
                .Chunk(size)
                .Select(chunk => new CurvePoint(
                    prefix + metric,
                    chunk.Average(row => Number(row, "step") ?? 0),
                    chunk.Average(row => Number(row, metric)!.Value))));
    }

    private static string SplitOf(JsonObject row) => row["split"] is JsonValue split ? split.ToString() : "train";

    private static double? Number(JsonObject row, string key) =>
        row[key] is JsonValue value && value.TryGetValue(out double number) ? number : null;

    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    private static JsonObject? Parse(string line)
    {
        try
        {
            return JsonNode.Parse(line, documentOptions: Options) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
