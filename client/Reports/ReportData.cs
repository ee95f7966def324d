using System.Text.Json.Nodes;
using Rudder.Client.Evaluation;
using Rudder.Client.Files;
using Rudder.Client.Runs;

namespace Rudder.Client.Reports;

/// <summary>Everything a report shows, read from a run's folder.</summary>
/// <param name="Manifest">What the run consists of.</param>
/// <param name="Summary">Its result.</param>
/// <param name="Machine">Machine and versions.</param>
/// <param name="Policies">The reference first.</param>
/// <param name="Stages">In the order of their start.</param>
/// <param name="FineTuning">The training that came first; null where there was none.</param>
/// <param name="RewardModels">Trainings that make no policy.</param>
/// <param name="Comparisons">Models on held-out pairs; empty where the run compares none.</param>
/// <param name="Pairs">Files of preference pairs; empty where the run has none.</param>
internal sealed record ReportData(
    RunManifest Manifest,
    RunSummary Summary,
    MachineInfo Machine,
    IReadOnlyList<ReportPolicy> Policies,
    IReadOnlyList<StageMarker> Stages,
    ReportTraining? FineTuning,
    IReadOnlyList<(string Name, ReportTraining Training)> RewardModels,
    IReadOnlyList<ComparisonResult> Comparisons,
    IReadOnlyList<PairStatistics> Pairs)
{
    /// <summary>Reads a finished run; the error says what is missing and how to make it.</summary>
    public static ReportData Read(string root)
    {
        if (!File.Exists(Path.Combine(root, RunSummary.FileName)))
        {
            throw new BadInputException(
                $"{root} has no {RunSummary.FileName}: either it is not the folder of a run, or the run has not finished. Finish it with: client run EXPERIMENT --variant NAME"
            );
        }

        return Read(root, StrictJson.Read<RunSummary>(Path.Combine(root, RunSummary.FileName)));
    }

    /// <summary>Reads all but the summary, which a run writes last.</summary>
    public static ReportData Read(string root, RunSummary summary)
    {
        RunManifest manifest = StrictJson.Read<RunManifest>(Path.Combine(root, RunManifest.FileName));
        if (manifest.Policies.Count == 0)
        {
            throw new BadInputException($"{Path.Combine(root, RunManifest.FileName)} names no policies; repeat the run.");
        }

        string stages = Path.Combine(root, "stages");
        return new ReportData(
            manifest,
            summary,
            StrictJson.Read<MachineInfo>(Path.Combine(root, MachineInfo.FileName)),
            [.. manifest.Policies.Select(policy => ReportPolicy.Read(root, policy))],
            [
                .. (Directory.Exists(stages) ? Directory.EnumerateFiles(stages, "*.json") : [])
                    .Select(StrictJson.Read<StageMarker>)
                    .OrderBy(stage => stage.Started),
            ],
            manifest.Sft is null ? null : ReportTraining.Read(Path.Combine(root, manifest.Sft)),
            [.. (manifest.RewardModels ?? []).Select(name => (name, ReportTraining.Read(Path.Combine(root, name))))],
            [.. (manifest.Comparisons ?? []).Select(file => StrictJson.Read<ComparisonResult>(Path.Combine(root, file)))],
            PairStatistics.ReadAll(root));
    }
}

/// <summary>One policy with its evaluation and, unless it is the reference, its training.</summary>
/// <param name="Entry">Name, beta, paths.</param>
/// <param name="Evaluation">Its evaluation.</param>
/// <param name="Curves">Training metrics; empty for the reference.</param>
/// <param name="Recipe">Resolved recipe of its training; null for the reference.</param>
/// <param name="Samples">Completions that an on-policy training logged; empty for others.</param>
/// <param name="Drawn">Completions that an on-policy training drew; null for others.</param>
internal sealed record ReportPolicy(
    PolicyEntry Entry,
    EvaluationResult Evaluation,
    IReadOnlyList<CurvePoint> Curves,
    JsonNode? Recipe,
    IReadOnlyList<TrainingSample> Samples,
    int? Drawn)
{
    /// <summary>Reads one policy's files.</summary>
    public static ReportPolicy Read(string root, PolicyEntry entry)
    {
        ReportTraining? training = entry.Training is null ? null : ReportTraining.Read(Path.Combine(root, entry.Training));
        return new ReportPolicy(
            entry, EvaluationResult.Read(Path.Combine(root, entry.Evaluation)), training?.Curves ?? [], training?.Recipe,
            entry.Training is null ? [] : TrainingSample.Read(Path.Combine(root, entry.Training, TrainingSample.FileName)),
            training?.Drawn);
    }
}

/// <summary>Metrics and recipe of one training.</summary>
/// <param name="Curves">Training metrics.</param>
/// <param name="Recipe">Resolved recipe; null where the folder has none.</param>
/// <param name="Drawn">Completions that an on-policy training drew; null for others.</param>
internal sealed record ReportTraining(IReadOnlyList<CurvePoint> Curves, JsonNode? Recipe, int? Drawn)
{
    /// <summary>Reads a run folder of the trainer.</summary>
    public static ReportTraining Read(string folder)
    {
        JsonNode? recipe = Optional(Path.Combine(folder, "recipe.json"));
        JsonNode? done = Optional(Path.Combine(folder, "done.json"));
        int? drawn = Number(done, "final", "steps") * Number(recipe, "batch", "prompts") * Number(recipe, "batch", "samples");
        return new ReportTraining(TrainingCurves.Read(Path.Combine(folder, "metrics.jsonl")), recipe, drawn);
    }

    /// <summary>A whole number of an object inside an object; null where there is none.</summary>
    public static int? Number(JsonNode? node, string outer, string inner) =>
        node is JsonObject values && values[outer] is JsonObject found && found[inner] is JsonValue value && value.TryGetValue(out int number)
            ? number
            : null;

    private static JsonNode? Optional(string path) => File.Exists(path) ? StrictJson.Read<JsonNode>(path) : null;
}
