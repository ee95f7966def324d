using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Rpc;
using Rudder.Datasets;
using Rudder.Inference.V1;

namespace Rudder.Client.Pairs;

/// <summary>What a pairs run is asked for.</summary>
/// <param name="Policy">Name of the generator at the service.</param>
/// <param name="Classifier">Name of the classifier at the service.</param>
/// <param name="Prompts">Texts that become prompts.</param>
/// <param name="Plan">How completions are drawn.</param>
/// <param name="Output">File of JSON lines.</param>
/// <param name="PositiveLabel">Label whose probability is the score. Default POSITIVE.</param>
/// <param name="Batch">Prompts a request. Default 16, range 1 to 1024. In fp32 it changes the speed, never the result.</param>
/// <param name="InFlight">Requests under way at once. Default 2, range 1 to 64.</param>
internal sealed record PairsSettings(
    string Policy,
    string Classifier,
    PromptSource Prompts,
    SamplingPlan Plan,
    string Output,
    string PositiveLabel = "POSITIVE",
    int Batch = 16,
    int InFlight = 2
);

/// <summary>What a pairs run left.</summary>
/// <param name="Prompts">Prompts in the file's range, those without a pair included.</param>
/// <param name="Pairs">Lines.</param>
internal sealed record PairsOutcome(int Prompts, int Pairs);

/// <summary>Prompts, completions, scores, pairs: written prompt by prompt, resumable after a kill.</summary>
/// <param name="client">Service that holds both models.</param>
/// <param name="progress">Receives prompts done and wanted.</param>
internal sealed class PairsJob(InferenceClient client, IProgress<(int Done, int Total)> progress)
{
    /// <summary>Writes the file, or what is missing of it.</summary>
    public async Task<PairsOutcome> RunAsync(PairsSettings settings, CancellationToken cancel)
    {
        SamplingPlan plan = Validated(settings);
        settings.Prompts.Require();

        // 1. models and prompts
        ModelInfo policy = await client.FindModelAsync(settings.Policy, ModelKind.Generator, cancel);
        ModelInfo classifier = await client.FindModelAsync(settings.Classifier, ModelKind.Classifier, cancel);
        int positive = ScoredSampler.PositiveLabel(classifier, settings.PositiveLabel);
        IReadOnlyList<CutPrompt> prompts = await PromptCutter.CutAsync(client, settings.Policy, settings.Prompts, cancel);

        // 2. the file, from where it stands
        JsonObject guard = Guard(settings, policy, classifier, prompts);
        using GroupFile file = GroupFile.Open(settings.Output, guard, prompts.Count);

        // 3. completions, scores and pairs of the prompts that are left
        ScoredSampler sampler = new(client, policy, classifier, positive, plan);
        OrderedPairs pairs = new(plan, policy.Fingerprint, classifier.Fingerprint);
        await foreach (
            IReadOnlyList<ScoredGroup> groups in OrderedWork.RunAsync(
                prompts.Skip(file.NextGroup).Chunk(settings.Batch),
                settings.InFlight,
                sampler.DrawAsync,
                cancel
            )
        )
        {
            foreach (ScoredGroup group in groups)
            {
                file.Append(pairs.Of(group).Select(PreferencePairs.Format));
            }

            progress.Report((file.NextGroup, prompts.Count));
        }

        // 4. its name
        file.Complete();
        return new PairsOutcome(prompts.Count, File.ReadLines(settings.Output).Count());
    }

    private static SamplingPlan Validated(PairsSettings settings)
    {
        BatchLimits.Require(settings.Batch, settings.InFlight);
        return settings.Plan.Samples >= 2
            ? settings.Plan.Validated()
            : throw new InputException($"samples is {settings.Plan.Samples}; a pair needs at least 2 completions of a prompt.");
    }

    private static JsonObject Guard(PairsSettings settings, ModelInfo policy, ModelInfo classifier, IReadOnlyList<CutPrompt> prompts) =>
        new()
        {
            ["kind"] = "pairs",
            ["policy_fingerprint"] = policy.Fingerprint,
            ["policy_precision"] = policy.Precision.ToString(),
            ["classifier_fingerprint"] = classifier.Fingerprint,
            ["classifier_precision"] = classifier.Precision.ToString(),
            ["positive_label"] = settings.PositiveLabel,
            ["sampling"] = settings.Plan.ToJson(),
            ["prompts"] = PromptDigest.Of(prompts),
        };
}
