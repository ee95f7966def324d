using System.Text.Json.Nodes;
using Rudder.Client.Rpc;
using Rudder.Datasets;
using Rudder.Inference.V1;

namespace Rudder.Client.Pairs;

/// <summary>Settings of a pairs run.</summary>
/// <param name="Policy">Name of the generator at the service.</param>
/// <param name="Classifier">Name of the classifier at the service.</param>
/// <param name="Prompts">Texts that become prompts.</param>
/// <param name="Plan">How completions are drawn.</param>
/// <param name="Output">File of JSON lines.</param>
/// <param name="PositiveLabel">Label whose probability is the score. Default POSITIVE.</param>
/// <param name="Batch">Prompts per request. Default 16, range 1 to 1024. In fp32 it changes the speed, never the result.</param>
/// <param name="InFlight">Requests under way at once. Default 2, range 1 to 64.</param>
internal sealed record PairsSettings(
    string Policy,
    string Classifier,
    PromptSource Prompts,
    SamplingPlan Plan,
    string Output,
    string PositiveLabel = "POSITIVE",
    int Batch = 16,
    int InFlight = 2);

/// <summary>The result of a pairs run.</summary>
/// <param name="Prompts">Prompts worked through, including those without a pair.</param>
/// <param name="Pairs">Lines.</param>
internal sealed record PairsOutcome(int Prompts, int Pairs);

/// <summary>Prompts, completions, scores, pairs: written prompt by prompt, resumable after a kill.</summary>
internal sealed class PairsJob(InferenceClient client, IProgress<(int Done, int Total)> progress)
{
    /// <summary>Writes the file, or what is missing of it.</summary>
    public async Task<PairsOutcome> RunAsync(PairsSettings settings, CancellationToken cancel)
    {
        PromptLines.RequireLimits(settings.Batch, settings.InFlight);
        int samples = settings.Plan.Validated().Samples;
        BadInputException.Unless(samples >= 2, $"samples is {samples}; a pair needs at least 2 completions of a prompt.");
        settings.Prompts.Require();

        // 1. models and prompts
        ModelInfo policy = await client.FindModelAsync(settings.Policy, ModelKind.Generator, cancel);
        ModelInfo classifier = await client.FindModelAsync(settings.Classifier, ModelKind.Classifier, cancel);
        int positive = ScoredSampler.PositiveLabel(classifier, settings.PositiveLabel);
        IReadOnlyList<CutPrompt> prompts = await PromptCutter.CutAsync(client, settings.Policy, settings.Prompts, cancel);

        // 2. completions, scores and pairs of the prompts that are left
        ScoredSampler sampler = new(client, policy, classifier, positive, settings.Plan);
        OrderedPairs pairs = new(settings.Plan, policy.Fingerprint, classifier.Fingerprint);
        async Task<IEnumerable<IEnumerable<string>>> Lines(CutPrompt[] batch, CancellationToken token) =>
            (await sampler.DrawAsync(batch, token)).Select(group => pairs.Of(group).Select(PreferencePairs.Format));
        JsonObject guard = PromptLines.Settings(
            "pairs", settings.PositiveLabel, settings.Plan, prompts, ("policy", policy), ("classifier", classifier));
        await PromptLines.WriteAsync(settings.Output, guard, prompts, (settings.Batch, settings.InFlight), Lines, progress, cancel);
        return new PairsOutcome(prompts.Count, File.ReadLines(settings.Output).Count());
    }
}
