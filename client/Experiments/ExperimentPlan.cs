using Rudder.Client.Runs;
using static System.FormattableString;

namespace Rudder.Client.Experiments;

/// <summary>What <c>client run --plan</c> shows of a variant.</summary>
/// <param name="Variant">Name of the variant.</param>
/// <param name="Description">What it uses and how long it takes.</param>
/// <param name="Run">Folder of its run.</param>
/// <param name="Seconds">Time of all stages last time; null where none has a history.</param>
/// <param name="Stages">In the order of their work.</param>
internal sealed record ExperimentPlan(string Variant, string Description, string Run, double? Seconds, IReadOnlyList<PlannedStage> Stages)
{
    /// <summary>The plan of the stages that are selected. It starts nothing and writes nothing.</summary>
    public static ExperimentPlan Of(RunContext run, StageSelection selection)
    {
        PlannedStage[] stages =
            [.. selection.Of(new ExperimentStages(run).All).Select(stage => PlannedStage.Of(stage, run.Stages.Marker(stage.Name)))];
        double?[] known = [.. stages.Select(stage => stage.Seconds).Where(seconds => seconds is not null)];
        return new ExperimentPlan(run.VariantName, run.Variant.Description, run.Root, known.Length == 0 ? null : known.Sum(), stages);
    }
}

/// <summary>One stage of a plan.</summary>
/// <param name="Stage">Its name.</param>
/// <param name="What">What it does.</param>
/// <param name="History">never run, interrupted or done.</param>
/// <param name="Seconds">How long it took, over all attempts; null where it never ran.</param>
/// <param name="Finished">UTC; null where it is not done.</param>
/// <param name="Missing">Inputs that are not there.</param>
/// <param name="Downloads">Commands that fetch them, where known.</param>
internal sealed record PlannedStage(
    string Stage,
    string What,
    string History,
    double? Seconds,
    DateTimeOffset? Finished,
    IReadOnlyList<string> Missing,
    IReadOnlyList<string> Downloads)
{
    /// <summary>The last time in words, e.g. "12.3 s on 2026-01-31".</summary>
    public string LastTime() =>
        Seconds is not { } seconds ? History
        : Finished is { } finished ? Invariant($"{seconds:0.0} s on {finished:yyyy-MM-dd}")
        : Invariant($"{History} after {seconds:0.0} s");

    /// <summary>A stage beside the record of its last attempt.</summary>
    public static PlannedStage Of(Stage stage, StageMarker? last)
    {
        StageInput[] missing = [.. stage.Inputs.Where(input => !input.Exists)];
        string history = last is null ? "never run" : last.State == StageMarker.Done ? "done" : "interrupted";
        return new PlannedStage(
            stage.Name, stage.What, history, last?.Seconds, last?.Finished, [.. missing.Select(input => input.Path)],
            [.. missing.Select(input => input.Download).OfType<string>()]);
    }
}
