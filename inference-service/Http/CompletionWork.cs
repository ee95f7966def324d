using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.InferenceService.Grpc;

namespace Rudder.InferenceService.Http;

/// <summary>One call's work, planned: what a whole reply and a stream are both made of.</summary>
/// <param name="Request">The request.</param>
/// <param name="Model">The model that answers.</param>
/// <param name="Plan">The request in the engine's terms.</param>
/// <param name="Scores">Scores of the prompts, of each one's ids from the second on; null where they are not returned.</param>
/// <param name="Heading">What every object of the reply begins with.</param>
internal sealed record CompletionWork(
    CompletionRequest Request, LoadedModel Model, GenerationPlan Plan, IReadOnlyList<SequenceScore>? Scores, CompletionJson Heading)
{
    /// <summary>Choices of the reply.</summary>
    public int Choices => Plan.Batch.Prompts.Sum(prompt => prompt.Samples);

    /// <summary>A choice's place.</summary>
    public int Index(int prompt, int sample) => (prompt * Request.N) + sample;

    /// <summary>A list for log-probs, or null where none were asked for.</summary>
    public TokenLogProbs? LogProbs() => Request.LogProbs ? new TokenLogProbs(Request.TopLogProbs > 0) : null;

    /// <summary>The echo that opens a choice; empty where none was asked for.</summary>
    public string Echo(ChoiceText text, int prompt, TokenLogProbs? logProbs) => text.Echo(Plan.Batch.Prompts[prompt].PromptIds, Scores?[prompt], logProbs);

    /// <summary>The text of a completion, stop string and end-of-text cut off.</summary>
    public string TextOf(GeneratedSequence sequence) => Plan.Stop.Cut(Model.Decode(sequence.Ids));

    /// <summary>Why a completion ended, in that API's words.</summary>
    public static string ReasonOf(GeneratedSequence sequence) => sequence.End == GenerationEnd.Stop ? "stop" : "length";

    /// <summary>Tokens of the call: each prompt counts once.</summary>
    public (int Prompt, int Completion) Usage(IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn) => (
        Plan.Batch.Prompts.Sum(prompt => prompt.PromptIds.Length),
        drawn.Sum(sequences => sequences.Sum(sequence => sequence.Ids.Length)));

    /// <summary>Draws the completions; where the prompts are only scored there is nothing to draw, and each ends at once.</summary>
    public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> DrawAsync(IGenerator generator, CancellationToken cancellation) =>
        Request.DrawsNothing ? Task.FromResult(Nothing()) : generator.GenerateAsync(Plan.Batch, cancellation);

    private IReadOnlyList<IReadOnlyList<GeneratedSequence>> Nothing()
    {
        var all = new List<IReadOnlyList<GeneratedSequence>>();
        foreach (var prompt in Plan.Batch.Prompts)
        {
            GeneratedSequence[] none = [.. Enumerable.Range(0, prompt.Samples).Select(i => new GeneratedSequence(i, [], [], GenerationEnd.Length, prompt.Seed))];
            Array.ForEach(none, sequence => prompt.OnFinished?.Invoke(sequence));
            all.Add(none);
        }

        return all;
    }
}
