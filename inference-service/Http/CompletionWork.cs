using Rudder.Engine;

namespace Rudder.InferenceService.Http;

/// <summary>One planned call: the source of a whole reply and of a stream. The scores of the prompts are null if not requested.</summary>
internal record CompletionWork(
    CompletionRequest Request, ModelLease Model, GenerationPlan Plan, IReadOnlyList<SequenceScore>? Scores, DateTimeOffset Created)
{
    private const int ShownDigits = 16;

    private readonly Guid _id = Guid.NewGuid();

    /// <summary>Number of choices.</summary>
    public int Choices => Plan.Prompts.Sum(prompt => prompt.Samples);

    /// <summary>Identifies the call.</summary>
    protected string Id => $"{IdPrefix}-{_id:N}";

    /// <summary>Start of <see cref="Id"/>, by the kind of call.</summary>
    protected virtual string IdPrefix => "cmpl";

    /// <summary>Fingerprint of the model, shortened.</summary>
    protected string Fingerprint => "fp_" + Model.Description.Fingerprint[..Math.Min(ShownDigits, Model.Description.Fingerprint.Length)];

    /// <summary>A choice's place.</summary>
    public int Index(int prompt, int sample) => (prompt * Request.Samples) + sample;

    /// <summary>A list for log-probs, or null if not requested.</summary>
    public virtual ILogProbs? LogProbs() => Request.Logprobs is { } top ? new TokenLogProbs(top > 0) : null;

    /// <summary>The text of a completion without its stop string and end-of-text.</summary>
    public string TextOf(GeneratedSequence sequence) => Plan.TextOf(sequence);

    /// <summary>Why a completion ended, in OpenAI's words.</summary>
    public static string ReasonOf(GeneratedSequence sequence) => sequence.End == GenerationEnd.Stop ? "stop" : "length";

    /// <summary>Tokens of the call.</summary>
    public CompletionUsage Usage(IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn) => new(
        Plan.Prompts.Sum(prompt => prompt.PromptIds.Length),
        drawn.Sum(sequences => sequences.Sum(sequence => sequence.Ids.Length)));

    /// <summary>The pieces that start a stream: the echoed prompts, if requested.</summary>
    /// <param name="choices">The texts of all choices.</param>
    public virtual IEnumerable<object> Opening(ChoiceText[] choices)
    {
        for (int i = 0; Request.Echo == true && i < choices.Length; i++)
        {
            var logProbs = LogProbs();
            string echo = Echo(choices[i], i / Request.Samples, logProbs);
            yield return Piece(i, echo, null, logProbs);
        }
    }

    /// <summary>A piece of one choice for a stream.</summary>
    /// <param name="index">The choice.</param>
    /// <param name="text">Its further text.</param>
    /// <param name="reason">Why it ended; null in the middle.</param>
    /// <param name="logProbs">Log-probs of its tokens; null if not requested.</param>
    public virtual object Piece(int index, string text, string? reason, ILogProbs? logProbs) =>
        Piece([new CompletionChoice(index, text, reason, (TokenLogProbs?)logProbs)], null);

    /// <summary>The last piece of a stream that reports usage.</summary>
    public virtual object UsagePiece(CompletionUsage usage) => Piece([], usage);

    /// <summary>The whole reply. Each enumeration creates its choices again, so a large reply is never fully in memory.</summary>
    public virtual object Reply(IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn) =>
        Reply(drawn.SelectMany((sequences, prompt) => sequences.Select(sequence => Choice(prompt, sequence))), Usage(drawn));

    /// <summary>Samples the completions. If the prompts are only scored, each completion is empty.</summary>
    public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> DrawAsync(Action admitted, CancellationToken cancellation) =>
        Request.DrawsNothing ? Task.FromResult(Nothing()) : Model.GenerateAsync(Plan, admitted, cancellation);

    /// <summary>Adds the tokens of a completion to a list of log-probs.</summary>
    protected static void AddTokens(ChoiceText text, GeneratedSequence sequence, ILogProbs? logProbs)
    {
        for (int i = 0; logProbs is not null && i < sequence.Ids.Length; i++)
        {
            text.Append(new RankedToken(sequence.Ids[i], sequence.LogProbs[i]), sequence.Top?[i], logProbs);
        }
    }

    private string Echo(ChoiceText text, int prompt, ILogProbs? logProbs) =>
        text.Echo(Plan.Prompts[prompt].PromptIds, Scores?[prompt], (TokenLogProbs?)logProbs);

    private CompletionPiece Piece(CompletionChoice[] choices, CompletionUsage? usage) => Request.StreamOptions?.IncludeUsage == true
        ? Reply(choices, usage)
        : new CompletionPiece(Id, Created.ToUnixTimeSeconds(), Model.Description.Name, Fingerprint, choices);

    private CompletionReply Reply(IEnumerable<CompletionChoice> choices, CompletionUsage? usage) =>
        new(Id, Created.ToUnixTimeSeconds(), Model.Description.Name, Fingerprint, choices, usage);

    private CompletionChoice Choice(int prompt, GeneratedSequence sequence)
    {
        var text = new ChoiceText(Request, Model);
        var logProbs = LogProbs();
        string echo = Echo(text, prompt, logProbs);
        AddTokens(text, sequence, logProbs);
        return new CompletionChoice(Index(prompt, sequence.SampleIndex), echo + TextOf(sequence), ReasonOf(sequence), (TokenLogProbs?)logProbs);
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
