using System.Text.Json.Nodes;

namespace Rudder.Client.Runs;

/// <summary>What a run consists of: <c>run.json</c>, from which the report finds everything else.</summary>
/// <param name="Experiment">Name of the experiment.</param>
/// <param name="Variant">Name of the variant.</param>
/// <param name="Title">Heading of the report.</param>
/// <param name="Description">What the experiment shows.</param>
/// <param name="Reproduce">Command that repeats the run.</param>
/// <param name="Settings">The variant as it was read, with its description.</param>
/// <param name="LearningRate">Learning rate of the trainings; null where the recipes have it, or where trainings differ.</param>
/// <param name="LearningRateReason">How it was chosen; empty where the recipes have it.</param>
/// <param name="Policies">The reference first.</param>
/// <param name="Sft">Run folder of the fine-tuning, relative to the run; null where there was none.</param>
/// <param name="RewardModels">Run folders of trainings that make no policy, relative to the run; null in older runs.</param>
/// <param name="Comparisons">JSON files of comparisons, relative to the run; null in older runs.</param>
internal sealed record RunManifest(
    string Experiment,
    string Variant,
    string Title,
    string Description,
    string Reproduce,
    JsonObject Settings,
    double? LearningRate,
    string LearningRateReason,
    IReadOnlyList<PolicyEntry> Policies,
    string? Sft = null,
    IReadOnlyList<string>? RewardModels = null,
    IReadOnlyList<string>? Comparisons = null)
{
    /// <summary>File name in the run's folder.</summary>
    public const string FileName = "run.json";
}

/// <summary>One policy of a run; paths are relative to the run's folder.</summary>
/// <param name="Name">reference, or dpo-beta-VALUE.</param>
/// <param name="Beta">KL strength; null for the reference.</param>
/// <param name="Training">Run folder of its training; null for the reference.</param>
/// <param name="Evaluation">JSON file of its evaluation.</param>
internal sealed record PolicyEntry(string Name, double? Beta, string? Training, string Evaluation);
