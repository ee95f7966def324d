using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Client.Reports;

/// <summary>One value of a training curve.</summary>
/// <param name="Metric">Name as the trainer logs it, e.g. rewards/margins.</param>
/// <param name="Step">Optimizer step.</param>
/// <param name="Value">Mean over the steps that the point stands for.</param>
internal sealed record CurvePoint(string Metric, double Step, double Value);

/// <summary>Reads the training rows of <c>metrics.jsonl</c>; long runs are thinned to means of consecutive steps.</summary>
internal static class TrainingCurves
{
    /// <summary>Metrics that reports draw, in their order.</summary>
    public static IReadOnlyList<string> Metrics { get; } = ["loss", "rewards/margins", "rewards/accuracies"];

    /// <summary>Points a curve at most.</summary>
    public const int MaxPoints = 120;

    /// <summary>Points of all metrics; none where the file is missing. A last line that is not whole is passed over.</summary>
    public static IReadOnlyList<CurvePoint> Read(string path) =>
        File.Exists(path) ? Thin([.. File.ReadLines(path).Select(Parse).OfType<JsonObject>().Where(IsTraining)]) : [];

    private static IReadOnlyList<CurvePoint> Thin(List<JsonObject> rows)
    {
        int size = Math.Max(1, (rows.Count + MaxPoints - 1) / MaxPoints);
        return
        [
            .. Metrics.SelectMany(metric =>
                rows.Where(row => Number(row, metric) is not null)
                    .Chunk(size)
                    .Select(chunk => new CurvePoint(
                        metric,
                        chunk.Average(row => Number(row, "step") ?? 0),
                        chunk.Average(row => Number(row, metric)!.Value)))),
        ];
    }

    private static bool IsTraining(JsonObject row) => row["split"] is not JsonValue split || split.ToString() == "train";

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
