using Rudder.Client.Reports;

namespace Rudder.Client.Experiments;

/// <summary>A whole experiment, from models to report, stage by stage.</summary>
/// <param name="run">What the stages work with.</param>
internal sealed class ExperimentRun(RunContext run)
{
    private readonly ModelStages models = new(run);
    private readonly ServedStages served = new(run);

    /// <summary>Runs what is missing and writes run.json, summary.json and report.html.</summary>
    public async Task<Summary> RunAsync(CancellationToken cancel)
    {
        Variant variant = run.Variant;

        // 1. the models, fine-tuned where asked, with graphs
        (string reference, string classifier) = await ModelsAsync(cancel).ConfigureAwait(false);

        // 2. preference pairs from the reference
        string pairs = await served.PairsAsync(reference, classifier, cancel).ConfigureAwait(false);

        // 3. the learning rate
        ChosenLearningRate rate = await LearningRateSearch
            .RunAsync(run, models, served, reference, classifier, pairs, cancel)
            .ConfigureAwait(false);

        // 4. one policy a beta
        List<ServedPolicy> policies = [new(RunContext.ReferenceName, null, reference, null)];
        foreach (double beta in variant.Betas)
        {
            string name = $"dpo-beta-{ModelStages.Text(beta)}";
            string folder = await models.DpoAsync(name, reference, pairs, beta, rate.Value, cancel).ConfigureAwait(false);
            policies.Add(new ServedPolicy(name, beta, folder, name));
        }

        // 5. reward and KL of each
        List<EvaluatedPolicy> results = [];
        foreach (ServedPolicy policy in policies)
        {
            Task<EvaluatedPolicy> result = served.EvaluateAsync(StageOf(policy), policy, reference, classifier, variant.Evaluation, cancel);
            results.Add(await result.ConfigureAwait(false));
        }

        await run.Service.StopAsync().ConfigureAwait(false);

        // 6. what is left of it
        return Write(results, rate);
    }

    private static string StageOf(ServedPolicy policy) => $"evaluate-{policy.Name}";

    private async Task<(string Reference, string Classifier)> ModelsAsync(CancellationToken cancel)
    {
        Variant variant = run.Variant;
        ModelStages.Require(variant.Policy);
        ModelStages.Require(variant.Classifier);
        string tuned = await models.FineTuneAsync(cancel).ConfigureAwait(false);
        string reference = variant.Sft is null
            ? await models.ExportAsync(RunContext.ReferenceName, tuned, cancel).ConfigureAwait(false)
            : tuned;
        return (reference, await models.ExportAsync(RunContext.ClassifierName, variant.Classifier.Folder, cancel).ConfigureAwait(false));
    }

    private Summary Write(IReadOnlyList<EvaluatedPolicy> results, ChosenLearningRate rate)
    {
        RunEnvironment environment = RunEnvironment.Read(run.Time);
        RunManifest manifest = new(
            run.Experiment.Name,
            run.VariantName,
            run.Experiment.Title,
            run.Experiment.Description,
            run.Reproduce,
            run.Variant,
            rate.Value,
            rate.Reason,
            [
                .. results.Select(r => new PolicyEntry(
                    r.Policy.Name,
                    r.Policy.Beta,
                    r.Policy.Training,
                    Path.GetRelativePath(run.Root, r.File)
                )),
            ],
            run.Variant.Sft is null ? null : ModelStages.SftName
        );
        Summary summary = new(
            run.Experiment.Name,
            Commit(results, environment.Commit),
            [.. results.Select(r => PolicySummary.Of(r.Policy.Name, r.Policy.Beta, r.Result))],
            Path.GetRelativePath(Directory.GetCurrentDirectory(), Path.Combine(run.Root, ReportWriter.FileName))
        );
        RunResults.Write(run.Root, environment, manifest, summary);
        return summary;
    }

    /// <summary>The commit of the numbers, which is not that of the checkout where evaluations were kept.</summary>
    private string? Commit(IEnumerable<EvaluatedPolicy> results, string? now)
    {
        string? commit = Summary.CommitOf(results.Select(r => run.Stages.CommitOf(StageOf(r.Policy))));
        if (commit != now)
        {
            run.Log(
                $"warning: evaluations are kept from another commit ({commit ?? "not recorded"}) than the checkout's ({now ?? "none"}); {Summary.FileName} says so."
            );
        }

        return commit;
    }
}
