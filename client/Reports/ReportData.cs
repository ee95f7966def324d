using System.Text.Json.Nodes;
using Rudder.Client.Evaluation;
using Rudder.Client.Experiments;
using Rudder.Client.Files;

namespace Rudder.Client.Reports;

/// <summary>Everything a report shows, read from a run's folder.</summary>
/// <param name="Manifest">What the run consists of.</param>
/// <param name="Summary">Its result.</param>
/// <param name="Environment">Machine and versions.</param>
/// <param name="Policies">The reference first.</param>
/// <param name="Stages">In the order of their start.</param>
internal sealed record ReportData(
    RunManifest Manifest,
    Summary Summary,
    RunEnvironment Environment,
    IReadOnlyList<ReportPolicy> Policies,
    IReadOnlyList<StageMarker> Stages
)
{
    /// <summary>Reads a finished run; the error says what is missing and how to make it.</summary>
    public static ReportData Read(string root)
    {
        if (!File.Exists(Path.Combine(root, Summary.FileName)))
        {
            throw new InputException(
                $"{root} has no {Summary.FileName}: it is no run's folder, or the run is not finished. Finish it with: client run EXPERIMENT --variant NAME"
            );
        }

        RunManifest manifest = StrictJson.Read<RunManifest>(Path.Combine(root, RunManifest.FileName));
        string stages = Path.Combine(root, "stages");
        return new ReportData(
            manifest,
            StrictJson.Read<Summary>(Path.Combine(root, Summary.FileName)),
            StrictJson.Read<RunEnvironment>(Path.Combine(root, RunEnvironment.FileName)),
            [.. manifest.Policies.Select(policy => ReportPolicy.Read(root, policy))],
            [
                .. (Directory.Exists(stages) ? Directory.EnumerateFiles(stages, "*.json") : [])
                    .Select(StrictJson.Read<StageMarker>)
                    .OrderBy(stage => stage.Started),
            ]
        );
    }
}

/// <summary>One policy with its evaluation and, unless it is the reference, its training.</summary>
/// <param name="Entry">Name, beta, paths.</param>
/// <param name="Evaluation">Its evaluation.</param>
/// <param name="Curves">Training metrics; empty for the reference.</param>
/// <param name="Recipe">Resolved recipe of its training; null for the reference.</param>
internal sealed record ReportPolicy(PolicyEntry Entry, EvaluationResult Evaluation, IReadOnlyList<CurvePoint> Curves, JsonNode? Recipe)
{
    /// <summary>Reads one policy's files.</summary>
    public static ReportPolicy Read(string root, PolicyEntry entry)
    {
        string? training = entry.Training is null ? null : Path.Combine(root, entry.Training);
        string? recipe = training is null ? null : Path.Combine(training, "recipe.json");
        return new ReportPolicy(
            entry,
            StrictJson.Read<EvaluationResult>(Path.Combine(root, entry.Evaluation)),
            training is null ? [] : TrainingCurves.Read(Path.Combine(training, "metrics.jsonl")),
            recipe is not null && File.Exists(recipe) ? StrictJson.Read<JsonNode>(recipe) : null
        );
    }
}
