using System.Text.Json.Nodes;
using Rudder.Client.Evaluation;
using Rudder.Client.Files;
using Rudder.Client.Forecasts;
using Rudder.Client.Pairs;
using Rudder.Client.Reports;
using Rudder.Client.Runs;
using static System.FormattableString;

namespace Rudder.Client.Experiments;

/// <summary>A whole experiment, from models to report, stage by stage.</summary>
/// <param name="run">What the stages work with.</param>
internal sealed class ExperimentRun(RunContext run)
{
    private readonly ExperimentStages _stages = new(run);

    /// <summary>Runs what is wanted and missing, and writes run.json, summary.json and report.html.</summary>
    /// <returns>The summary; null after a single stage, which leaves none.</returns>
    public async Task<RunSummary?> RunAsync(StageSelection selection, CancellationToken cancel)
    {
        // 0. the stages and their inputs, before hours of work
        RequireInputs(run.Variant, selection.Of(_stages.All));
        IReadOnlyList<Stage> stages = selection.Begin(_stages.All, run.Stages);

        // 1. models, pairs, trainings, evaluations
        foreach (Stage stage in stages)
        {
            await stage.RunAsync(cancel);
        }

        await run.Service.StopAsync();

        // 2. what is left of it
        return selection.Only is null ? Write() : null;
    }

    private static void RequireInputs(Variant variant, IReadOnlyList<Stage> stages)
    {
        foreach (SourceModel model in ((SourceModel?[])[variant.Policy, variant.Classifier]).OfType<SourceModel>())
        {
            ModelStages.Require(model);
        }

        foreach (Stage stage in stages)
        {
            StageInput? missing = stage.Inputs.FirstOrDefault(input => !input.Exists);
            BadInputException.Unless(
                missing is null,
                $"{missing?.Path} does not exist; stage {stage.Name} reads it. Paths are relative to the current folder. docs/experiments.md says where data comes from.");
        }

        PromptSource?[] prompts =
        [
            variant.Pairs?.Prompts, variant.HeldOut?.Prompts, variant.Evaluation?.Prompts,
            .. variant.AllTrainings().Select(training => training.LearningRate?.Development?.Prompts),
        ];
        foreach (PromptSource source in prompts.OfType<PromptSource>())
        {
            source.Require();
        }
    }

    private RunSummary Write()
    {
        var environment = MachineInfo.Read(run.Time);
        EvaluatedPolicy[] results = [.. _stages.Policies.Select(Read)];
        Training[] trainings = [.. run.Variant.AllTrainings()];
        (Training Training, ChosenLearningRate Rate)[] rates =
            [.. trainings.Where(training => training.LearningRate is not null).Select(training => (training, _stages.Rates.Of(training)!))];
        string[] reasons = [.. rates.Select(one => Invariant($"{one.Training.Name}: {one.Rate.Value}. {one.Rate.Reason}"))];
        RunManifest manifest = new(
            run.Experiment.Name,
            run.VariantName,
            run.Experiment.Title,
            run.Experiment.Description,
            run.Reproduce,
            (JsonObject)StrictJson.ToNode(run.Variant),
            rates.Length == 1 ? rates[0].Rate.Value : null,
            rates.Length == 1 ? rates[0].Rate.Reason : string.Join(" ", reasons),
            [
                .. results.Select(r => new PolicyEntry(
                    r.Policy.Name,
                    r.Policy.Beta,
                    r.Policy.Training,
                    Path.GetRelativePath(run.Root, r.File))),
            ],
            run.Variant.Sft is null ? null : ModelStages.SftName,
            [
                .. trainings.Where(training => !training.GivesPolicy())
                    .SelectMany(training => training.Runs(run.Variant.Seed))
                    .Select(one => one.Stage),
            ],
            [.. _stages.Comparisons.Select(stage => Path.Combine(stage, ComparisonStages.ResultFile))]);
        RunSummary summary = new(
            run.Experiment.Name,
            Commit(_stages.All, environment.Commit),
            [.. results.Select(r => PolicySummary.Of(r.Policy.Name, r.Policy.Beta, r.Result))],
            Path.GetRelativePath(Directory.GetCurrentDirectory(), Path.Combine(run.Root, ReportWriter.FileName)));
        WriteResults(run.Root, environment, manifest, summary);
        return summary;
    }

    /// <summary>Writes what a run leaves at its end, summary.json last: where it stands, all the rest stands too.</summary>
    internal static void WriteResults(string root, MachineInfo environment, RunManifest manifest, RunSummary summary)
    {
        AtomicFile.WriteText(Path.Combine(root, MachineInfo.FileName), StrictJson.Format(environment));
        AtomicFile.WriteText(Path.Combine(root, RunManifest.FileName), StrictJson.Format(manifest));
        ReportWriter.Write(root, Path.Combine(root, ReportWriter.FileName), summary);
        AtomicFile.WriteText(Path.Combine(root, RunSummary.FileName), StrictJson.Format(summary));
    }

    private EvaluatedPolicy Read(ServedPolicy policy)
    {
        string file = ServedStages.EvaluationFile(run, ExperimentStages.EvaluationOf(policy));
        return new EvaluatedPolicy(policy, file, EvaluationResult.Read(file));
    }

    /// <summary>The commit of the numbers, which is not that of the checkout where evaluations were kept.</summary>
    private string? Commit(IEnumerable<Stage> stages, string? now)
    {
        HashSet<string> evaluations = [ForecastResult.StageName, .. _stages.Policies.Select(ExperimentStages.EvaluationOf)];
        string? commit = RunSummary.CommitOf(
            stages.Where(stage => evaluations.Contains(stage.Name)).Select(stage => run.Stages.CommitOf(stage.Name)));
        if (commit != now)
        {
            run.Display.Line(
                $"warning: evaluations are kept from another commit ({commit ?? "not recorded"}) than the checkout's ({now ?? "none"}); {RunSummary.FileName} says so."
            );
        }

        return commit;
    }
}
