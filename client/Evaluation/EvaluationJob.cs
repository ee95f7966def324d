using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Pairs;
using Rudder.Client.Rpc;
using Rudder.Inference.V1;

namespace Rudder.Client.Evaluation;

/// <summary>What an evaluation measures. Sampling is always plain: KL is only unbiased on the policy's own distribution.</summary>
/// <param name="Prompts">Texts that become prompts.</param>
/// <param name="Samples">Completions of each prompt. Default 5, range 1 to 64.</param>
/// <param name="MaxNewTokens">Tokens after the prompt at most. Default 48.</param>
/// <param name="Bootstrap">Resamples. Default 2000, range 100 to 1,000,000.</param>
/// <param name="Batch">Prompts per request. Default 16.</param>
/// <param name="InFlight">Requests under way at once. Default 2.</param>
internal sealed record EvaluationPlan(
    PromptSource Prompts,
    int Samples = 5,
    int MaxNewTokens = 48,
    int Bootstrap = 2000,
    int Batch = 16,
    int InFlight = 2)
{
    /// <summary>This value, or an error that names the setting out of range.</summary>
    public EvaluationPlan Validated()
    {
        PromptLines.RequireLimits(Batch, InFlight);
        BadInputException.Unless(
            Bootstrap is >= 100 and <= 1_000_000, $"bootstrap is {Bootstrap} resamples; it must lie between 100 and 1000000.");
        _ = new SamplingPlan(Samples, MaxNewTokens).Validated();
        return this;
    }
}

/// <summary>An evaluation of one policy.</summary>
/// <param name="Policy">Name of the policy at the service.</param>
/// <param name="Reference">Name of the reference at the service.</param>
/// <param name="Classifier">Name of the classifier at the service.</param>
/// <param name="Plan">What is measured.</param>
/// <param name="Seed">Seed of sampling; its low 32 bits seed the bootstrap. Default 0.</param>
/// <param name="Output">JSON file.</param>
/// <param name="PositiveLabel">Label whose probability is the reward. Default POSITIVE.</param>
internal sealed record EvaluationSettings(
    string Policy,
    string Reference,
    string Classifier,
    EvaluationPlan Plan,
    ulong Seed,
    string Output,
    string PositiveLabel = "POSITIVE");

/// <summary>Samples, rewards and divergences of one policy, summed up in one JSON file; resumable prompt by prompt.</summary>
internal sealed class EvaluationJob(InferenceClient client, IProgress<(int Done, int Total)> progress)
{
    private const string Extension = ".json";

    /// <summary>File of the single completions, one prompt a line.</summary>
    /// <remarks>Only a final ".json" is replaced, so that runs/beta-0.1 and runs/beta-0.05 keep a file each.</remarks>
    public static string RowsPath(string output) =>
        (output.EndsWith(Extension, StringComparison.Ordinal) ? output[..^Extension.Length] : output) + ".samples.jsonl";

    /// <summary>Runs what is missing and writes the result.</summary>
    public async Task<EvaluationResult> RunAsync(EvaluationSettings settings, CancellationToken cancel)
    {
        EvaluationPlan wanted = settings.Plan.Validated();
        SamplingPlan plan = new(wanted.Samples, wanted.MaxNewTokens, settings.Seed);
        wanted.Prompts.Require();

        // 1. models and prompts
        ModelInfo policy = await client.FindModelAsync(settings.Policy, ModelKind.Generator, cancel);
        ModelInfo reference = await client.FindModelAsync(settings.Reference, ModelKind.Generator, cancel);
        ModelInfo classifier = await client.FindModelAsync(settings.Classifier, ModelKind.Classifier, cancel);
        int positive = ScoredSampler.PositiveLabel(classifier, settings.PositiveLabel);
        IReadOnlyList<CutPrompt> prompts = await PromptCutter.CutAsync(client, settings.Reference, wanted.Prompts, cancel);

        // 2. completions, rewards and divergences, prompt by prompt
        ScoredSampler sampler = new(client, policy, classifier, positive, plan);
        PolicyDivergence divergence = new(client, policy, reference);
        async Task<IEnumerable<IEnumerable<string>>> Lines(CutPrompt[] batch, CancellationToken token)
        {
            IReadOnlyList<EvaluationRow> rows = await divergence.MeasureAsync(await sampler.DrawAsync(batch, token), token);
            return rows.Select(row => (string[])[JsonSerializer.Serialize(row, StrictJson.Line)]);
        }

        string file = RowsPath(settings.Output);
        JsonObject guard = PromptLines.Settings(
            "evaluation", settings.PositiveLabel, plan, prompts, ("policy", policy), ("reference", reference), ("classifier", classifier));
        await PromptLines.WriteAsync(file, guard, prompts, (wanted.Batch, wanted.InFlight), Lines, progress, cancel);

        // 3. means and intervals
        EvaluationResult result = Summarise(settings, file, guard);
        AtomicFile.WriteText(settings.Output, StrictJson.Format(result));
        return result;
    }

    private static EvaluationResult Summarise(EvaluationSettings settings, string rowsPath, JsonObject guard)
    {
        var shown = (JsonObject)guard.DeepClone();
        shown["bootstrap"] = new JsonObject
        {
            ["resamples"] = settings.Plan.Bootstrap,
            ["seed"] = settings.Seed,
            ["level"] = 0.95,
            ["clusters"] = "prompts",
        };
        List<EvaluationRow> rows = [.. File.ReadLines(rowsPath).Select((line, index) => Row(line, $"{rowsPath}, line {index + 1}"))];
        return EvaluationResult.Of(settings.Policy, settings.Reference, rows, settings.Plan.Bootstrap, unchecked((int)settings.Seed), shown);
    }

    private static EvaluationRow Row(string line, string source)
    {
        EvaluationRow row = StrictJson.Parse<EvaluationRow>(line, source);
        BadInputException.Unless(row.Completions.Count > 0, $"{source} has no completions; delete the file and evaluate again.");
        return row;
    }
}
