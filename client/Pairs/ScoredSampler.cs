using Rudder.Client.Rpc;
using Rudder.Inference.V1;

namespace Rudder.Client.Pairs;

/// <summary>A drawn completion with its score.</summary>
/// <param name="Drawn">As the service returned it.</param>
/// <param name="Score">P(positive) of prompt and completion together, in [0, 1].</param>
internal sealed record ScoredCompletion(Completion Drawn, double Score);

/// <summary>A prompt and its completions in the order of their sample index.</summary>
internal sealed record ScoredGroup(CutPrompt Prompt, IReadOnlyList<ScoredCompletion> Completions);

/// <summary>
/// Draws completions and has the classifier score them. It reads the prompt's text followed by the completion's text, not the
/// completion alone.
/// </summary>
/// <param name="client">Service that holds both models.</param>
/// <param name="policy">The generator; a reply of another one is refused.</param>
/// <param name="classifier">The classifier; a reply of another one is refused.</param>
/// <param name="positive">Index of the label whose probability is the score.</param>
/// <param name="plan">How completions are drawn.</param>
internal sealed class ScoredSampler(InferenceClient client, ModelInfo policy, ModelInfo classifier, int positive, SamplingPlan plan)
{
    /// <summary>Index of the label whose probability is the score; a classifier without it is refused.</summary>
    /// <param name="classifier">The model.</param>
    /// <param name="label">Name of the label, e.g. POSITIVE; case does not count.</param>
    public static int PositiveLabel(ModelInfo classifier, string label)
    {
        List<string> labels = [.. classifier.Labels];
        int index = labels.FindIndex(name => name.Equals(label, StringComparison.OrdinalIgnoreCase));
        return index >= 0
            ? index
            : throw new BadInputException(
                $"Classifier '{classifier.Name}' has no label '{label}'; its labels are {string.Join(", ", labels)}. Name one with --positive-label."
            );
    }

    /// <summary>Completions of a batch of prompts, scored, in the order of the prompts.</summary>
    public async Task<IReadOnlyList<ScoredGroup>> DrawAsync(IReadOnlyList<CutPrompt> prompts, CancellationToken cancel)
    {
        SampleResponse drawn = await client.SampleAsync(plan.Request(policy.Name, prompts), cancel);
        policy.RequireSame("Sampling.Sample", drawn.Fingerprint, drawn.Precision);
        Completion[] ordered = [.. drawn.Completions.OrderBy(c => c.PromptIndex).ThenBy(c => c.SampleIndex)];
        if (ordered.Length != prompts.Count * plan.Samples)
        {
            throw new WorkFailedException(
                $"The service returned {ordered.Length} completions; {prompts.Count} prompts x {plan.Samples} were asked for.");
        }

        IEnumerable<ClassifyInput> texts = ordered.Select(c => new ClassifyInput { Text = prompts[c.PromptIndex].Text + c.Text });
        IReadOnlyList<Classification> judged = await InputChunks.AskAsync(
            "Scoring.Classify", texts, input => input.CalculateSize(), chunk => ClassifyAsync(chunk, cancel));
        return
        [
            .. ordered
                .Zip(judged, (completion, result) => new ScoredCompletion(completion, result.Probabilities[positive]))
                .Chunk(plan.Samples)
                .Select((completions, index) => new ScoredGroup(prompts[index], completions)),
        ];
    }

    private async Task<IReadOnlyList<Classification>> ClassifyAsync(ClassifyInput[] inputs, CancellationToken cancel)
    {
        ClassifyRequest request = new() { Model = classifier.Name, Inputs = { inputs } };
        ClassifyResponse judged = await client.ClassifyAsync(request, cancel);
        classifier.RequireSame("Scoring.Classify", judged.Fingerprint, judged.Precision);
        return judged.Results;
    }
}
