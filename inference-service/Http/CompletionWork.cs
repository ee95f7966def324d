using Rudder.Engine;

namespace Rudder.InferenceService.Http;

/// <summary>One planned call: the source of a whole reply and of a stream. The scores of the prompts are null if not requested.</summary>
internal sealed record CompletionWork(
    CompletionRequest Request, ModelLease Model, GenerationPlan Plan, IReadOnlyList<SequenceScore>? Scores, DateTimeOffset Created)
{
    private const int ShownDigits = 16;

    private readonly string _id = $"cmpl-{Guid.NewGuid():N}";

    /// <summary>Number of choices.</summary>
    public int Choices => Plan.Prompts.Sum(prompt => prompt.Samples);

    private string Fingerprint => "fp_" + Description.Fingerprint[..Math.Min(ShownDigits, Description.Fingerprint.Length)];

    private ModelDescription Description => Model.Description;

    /// <summary>A choice's place.</summary>
    public int Index(int prompt, int sample) => (prompt * Request.Samples) + sample;

    /// <summary>A list for log-probs, or null if not requested.</summary>
    public TokenLogProbs? LogProbs() => Request.Logprobs is { } top ? new TokenLogProbs(top > 0) : null;

    /// <summary>The echo that starts a choice; empty if not requested.</summary>
    public string Echo(ChoiceText text, int prompt, TokenLogProbs? logProbs) => text.Echo(Plan.Prompts[prompt].PromptIds, Scores?[prompt], logProbs);

    /// <summary>The text of a completion without its stop string and end-of-text.</summary>
    public string TextOf(GeneratedSequence sequence) => Plan.TextOf(sequence);

    /// <summary>Why a completion ended, in OpenAI's words.</summary>
    public static string ReasonOf(GeneratedSequence sequence) => sequence.End == GenerationEnd.Stop ? "stop" : "length";

    /// <summary>Tokens of the call.</summary>
    public CompletionUsage Usage(IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn) => new(
        Plan.Prompts.Sum(prompt => prompt.PromptIds.Length),
        drawn.Sum(sequences => sequences.Sum(sequence => sequence.Ids.Length)));

    /// <summary>A piece of a stream.</summary>
    /// <param name="choices">The piece of a choice; none in the last chunk.</param>
    /// <param name="usage">Tokens of the call, in the last chunk.</param>
    public CompletionPiece Piece(CompletionChoice[] choices, CompletionUsage? usage = null) => Request.StreamOptions?.IncludeUsage == true
        ? Reply(choices, usage)
        : new CompletionPiece(_id, Created.ToUnixTimeSeconds(), Description.Name, Fingerprint, choices);

    /// <summary>The whole reply. Each enumeration creates its choices again, so a large reply is never fully in memory.</summary>
    public CompletionReply Reply(IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn) =>
        Reply(drawn.SelectMany((sequences, prompt) => sequences.Select(sequence => Choice(prompt, sequence))), Usage(drawn));

    /// <summary>Samples the completions. If the prompts are only scored, each completion is empty.</summary>
    public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> DrawAsync(Action admitted, CancellationToken cancellation) =>
        Request.DrawsNothing ? Task.FromResult(Nothing()) : Model.GenerateAsync(Plan, admitted, cancellation);

    private CompletionReply Reply(IEnumerable<CompletionChoice> choices, CompletionUsage? usage) =>
        new(_id, Created.ToUnixTimeSeconds(), Description.Name, Fingerprint, choices, usage);

    private CompletionChoice Choice(int prompt, GeneratedSequence sequence)
    {
        var text = new ChoiceText(Request, Model);
        var logProbs = LogProbs();
        string echo = Echo(text, prompt, logProbs);
        if (logProbs is not null)
        {
            for (int i = 0; i < sequence.Ids.Length; i++)
            {
                text.Append(new RankedToken(sequence.Ids[i], sequence.LogProbs[i]), sequence.Top?[i], logProbs);
            }
        }

        return new CompletionChoice(Index(prompt, sequence.SampleIndex), echo + TextOf(sequence), ReasonOf(sequence), logProbs);
    }

    private IReadOnlyList<IReadOnlyList<GeneratedSequence>> Nothing()
    {
        var all = new List<IReadOnlyList<GeneratedSequence>>();
        foreach (var prompt in Plan.Prompts)
        {
            GeneratedSequence[] none = [.. Enumerable.Range(0, prompt.Samples).Select(i => new GeneratedSequence(i, [], [], GenerationEnd.Length, prompt.Seed))];
            Array.ForEach(none, sequence => prompt.OnFinished?.Invoke(sequence));
            all.Add(none);
        }

        return all;
    }
}
