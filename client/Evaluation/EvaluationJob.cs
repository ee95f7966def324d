using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Pairs;
using Rudder.Client.Rpc;
using Rudder.Inference.V1;

namespace Rudder.Client.Evaluation;

/// <summary>What an evaluation is asked for. Sampling is always plain: KL is only unbiased on the policy's own distribution.</summary>
/// <param name="Policy">Name of the policy at the service.</param>
/// <param name="Reference">Name of the reference at the service.</param>
/// <param name="Classifier">Name of the classifier at the service.</param>
/// <param name="Prompts">Texts that become prompts.</param>
/// <param name="Samples">Completions of each prompt. Default 5, range 1 to 64.</param>
/// <param name="MaxNewTokens">Tokens after the prompt at most. Default 48.</param>
/// <param name="Seed">Seed of sampling and bootstrap. Default 0.</param>
/// <param name="Output">JSON file.</param>
/// <param name="Resamples">Bootstrap resamples. Default 2000, range 100 to 1,000,000.</param>
/// <param name="PositiveLabel">Label whose probability is the reward. Default POSITIVE.</param>
/// <param name="Batch">Prompts a request. Default 16.</param>
/// <param name="InFlight">Requests under way at once. Default 2.</param>
internal sealed record EvaluationSettings(
    string Policy,
    string Reference,
    string Classifier,
    PromptSource Prompts,
    int Samples,
    int MaxNewTokens,
    uint Seed,
    string Output,
    int Resamples = 2000,
    string PositiveLabel = "POSITIVE",
    int Batch = 16,
    int InFlight = 2
);

/// <summary>Samples, rewards and divergences of one policy, summed up in one JSON file; resumable prompt by prompt.</summary>
/// <param name="client">Service that holds the three models.</param>
/// <param name="progress">Receives prompts done and wanted.</param>
internal sealed class EvaluationJob(InferenceClient client, IProgress<(int Done, int Total)> progress)
{
    private const string Extension = ".json";

    /// <summary>File of the single completions, one prompt a line.</summary>
    /// <remarks>Only a final ".json" gives way: runs/beta-0.1 and runs/beta-0.05 keep a file each.</remarks>
    public static string RowsPath(string output) =>
        (output.EndsWith(Extension, StringComparison.Ordinal) ? output[..^Extension.Length] : output) + ".samples.jsonl";

    /// <summary>Runs what is missing and writes the result.</summary>
    public async Task<EvaluationResult> RunAsync(EvaluationSettings settings, CancellationToken cancel)
    {
        SamplingPlan plan = Validated(settings);
        settings.Prompts.Require();

        // 1. models and prompts
        ModelInfo policy = await client.FindModelAsync(settings.Policy, ModelKind.Generator, cancel);
        ModelInfo reference = await client.FindModelAsync(settings.Reference, ModelKind.Generator, cancel);
        ModelInfo classifier = await client.FindModelAsync(settings.Classifier, ModelKind.Classifier, cancel);
        int positive = ScoredSampler.PositiveLabel(classifier, settings.PositiveLabel);
        IReadOnlyList<CutPrompt> prompts = await PromptCutter.CutAsync(client, settings.Reference, settings.Prompts, cancel);

        // 2. completions, rewards and divergences, prompt by prompt
        JsonObject guard = Guard(settings, plan, policy, reference, classifier, prompts);
        ScoredSampler sampler = new(client, policy, classifier, positive, plan);
        PolicyDivergence divergence = new(client, policy, reference);
        string rows = RowsPath(settings.Output);
        using (GroupFile file = GroupFile.Open(rows, guard, prompts.Count))
        {
            await MeasureAsync(settings, prompts, file, sampler, divergence, cancel);
            file.Complete();
        }

        // 3. means and intervals
        EvaluationResult result = Summarise(settings, rows, guard);
        AtomicFile.WriteText(settings.Output, StrictJson.Format(result));
        return result;
    }

    private static SamplingPlan Validated(EvaluationSettings settings)
    {
        BatchLimits.Require(settings.Batch, settings.InFlight);
        return settings.Resamples is >= 100 and <= 1_000_000
            ? new SamplingPlan(settings.Samples, settings.MaxNewTokens, settings.Seed).Validated()
            : throw new InputException($"bootstrap is {settings.Resamples} resamples; it must lie between 100 and 1000000.");
    }

    private async Task MeasureAsync(
        EvaluationSettings settings,
        IReadOnlyList<CutPrompt> prompts,
        GroupFile file,
        ScoredSampler sampler,
        PolicyDivergence divergence,
        CancellationToken cancel
    )
    {
        async Task<IReadOnlyList<EvaluationRow>> Rows(CutPrompt[] batch, CancellationToken token)
        {
            IReadOnlyList<ScoredGroup> drawn = await sampler.DrawAsync(batch, token);
            return await divergence.MeasureAsync(drawn, token);
        }

        IEnumerable<CutPrompt[]> left = prompts.Skip(file.NextGroup).Chunk(settings.Batch);
        await foreach (var rows in OrderedWork.RunAsync(left, settings.InFlight, Rows, cancel))
        {
            foreach (EvaluationRow row in rows)
            {
                file.Append([JsonSerializer.Serialize(row, StrictJson.Line)]);
            }

            progress.Report((file.NextGroup, prompts.Count));
        }
    }

    private static EvaluationResult Summarise(EvaluationSettings settings, string rowsPath, JsonObject guard)
    {
        JsonObject shown = (JsonObject)guard.DeepClone();
        shown["bootstrap"] = new JsonObject
        {
            ["resamples"] = settings.Resamples,
            ["seed"] = settings.Seed,
            ["level"] = 0.95,
            ["clusters"] = "prompts",
        };
        List<EvaluationRow> rows =
        [
            .. File.ReadLines(rowsPath).Select((line, index) => StrictJson.Parse<EvaluationRow>(line, $"{rowsPath}, line {index + 1}")),
        ];
        return EvaluationResult.Of(settings.Policy, settings.Reference, rows, settings.Resamples, (int)settings.Seed, shown);
    }

    private static JsonObject Guard(
        EvaluationSettings settings,
        SamplingPlan plan,
        ModelInfo policy,
        ModelInfo reference,
        ModelInfo classifier,
        IReadOnlyList<CutPrompt> prompts
    ) =>
        new()
        {
            ["kind"] = "evaluation",
            ["policy_fingerprint"] = policy.Fingerprint,
            ["policy_precision"] = policy.Precision.ToString(),
            ["reference_fingerprint"] = reference.Fingerprint,
            ["reference_precision"] = reference.Precision.ToString(),
            ["classifier_fingerprint"] = classifier.Fingerprint,
            ["classifier_precision"] = classifier.Precision.ToString(),
            ["positive_label"] = settings.PositiveLabel,
            ["sampling"] = plan.ToJson(),
            ["prompts"] = PromptDigest.Of(prompts),
        };
}
