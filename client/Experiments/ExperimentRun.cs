using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Reports;
using Rudder.Client.Runs;

namespace Rudder.Client.Experiments;

/// <summary>A whole experiment, from models to report, stage by stage.</summary>
internal sealed class ExperimentRun(RunContext run)
{
    private readonly ModelStages _models = new(run);
    private readonly ServedStages _served = new(run);

    /// <summary>Runs what is missing and writes run.json, summary.json and report.html.</summary>
    public async Task<RunSummary> RunAsync(CancellationToken cancel)
    {
        Variant variant = run.Variant;

        // 0. local inputs, before hours of work
        RequireInputs(variant);

        // 1. the models, fine-tuned where asked, with graphs
        (string reference, string classifier) = await ModelsAsync(cancel);

        // 2. preference pairs from the reference
        string pairs = await _served.PairsAsync(reference, classifier, cancel);

        // 3. the learning rate
        ChosenLearningRate rate = await LearningRateSearch.RunAsync(run, _models, _served, reference, classifier, pairs, cancel);

        // 4. one policy a beta
        List<ServedPolicy> policies = [new(RunContext.ReferenceName, null, reference, null)];
        foreach (double beta in variant.Betas)
        {
            string name = $"dpo-beta-{ModelStages.Text(beta)}";
            string folder = await _models.DpoAsync(name, reference, pairs, beta, rate.Value, cancel);
            policies.Add(new ServedPolicy(name, beta, folder, name));
        }

        // 5. reward and KL of each
        List<EvaluatedPolicy> results = [];
        foreach (ServedPolicy policy in policies)
        {
            Task<EvaluatedPolicy> result = _served.EvaluateAsync(
                StageOf(policy), policy, reference, classifier, variant.Evaluation, cancel);
            results.Add(await result);
        }

        await run.Service.StopAsync();

        // 6. what is left of it
        return Write(results, rate);
    }

    private static string StageOf(ServedPolicy policy) => $"evaluate-{policy.Name}";

    private static void RequireInputs(Variant variant)
    {
        ModelStages.Require(variant.Policy);
        ModelStages.Require(variant.Classifier);
        foreach (TrainingStage stage in ((TrainingStage?[])[variant.Sft, variant.Dpo]).OfType<TrainingStage>())
        {
            _ = StageInputs.Recipe(stage.Recipe);
        }

        variant.Pairs.Prompts.Require();
        variant.Evaluation.Prompts.Require();
        variant.LearningRate.Development?.Prompts.Require();
    }

    private async Task<(string Reference, string Classifier)> ModelsAsync(CancellationToken cancel)
    {
        Variant variant = run.Variant;
        string tuned = await _models.FineTuneAsync(cancel);
        string reference = variant.Sft is null ? await _models.ExportAsync(RunContext.ReferenceName, tuned, cancel) : tuned;
        return (reference, await _models.ExportAsync(RunContext.ClassifierName, variant.Classifier.Folder, cancel));
    }

    private RunSummary Write(IReadOnlyList<EvaluatedPolicy> results, ChosenLearningRate rate)
    {
        var environment = MachineInfo.Read(run.Time);
        RunManifest manifest = new(
            run.Experiment.Name,
            run.VariantName,
            run.Experiment.Title,
            run.Experiment.Description,
            run.Reproduce,
            (JsonObject)StrictJson.ToNode(run.Variant),
            rate.Value,
            rate.Reason,
            [
                .. results.Select(r => new PolicyEntry(
                    r.Policy.Name,
                    r.Policy.Beta,
                    r.Policy.Training,
                    Path.GetRelativePath(run.Root, r.File))),
            ],
            run.Variant.Sft is null ? null : ModelStages.SftName);
        RunSummary summary = new(
            run.Experiment.Name,
            Commit(results, environment.Commit),
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

    /// <summary>The commit of the numbers, which is not that of the checkout where evaluations were kept.</summary>
    private string? Commit(IEnumerable<EvaluatedPolicy> results, string? now)
    {
        string? commit = RunSummary.CommitOf(results.Select(r => run.Stages.CommitOf(StageOf(r.Policy))));
        if (commit != now)
        {
            run.Display.Line(
                $"warning: evaluations are kept from another commit ({commit ?? "not recorded"}) than the checkout's ({now ?? "none"}); {RunSummary.FileName} says so."
            );
        }

        return commit;
    }
}
