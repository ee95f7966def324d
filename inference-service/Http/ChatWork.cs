using Rudder.Engine;

namespace Rudder.InferenceService.Http;

/// <summary>A planned call for replies in a conversation.</summary>
internal sealed record ChatWork(CompletionRequest Request, ModelLease Model, GenerationPlan Plan, DateTimeOffset Created)
    : CompletionWork(Request, Model, Plan, null, Created)
{
    protected override string IdPrefix => "chatcmpl";

    public override ILogProbs? LogProbs() => Request.Logprobs is null ? null : new ChatLogProbs();

    public override IEnumerable<object> Opening(ChoiceText[] choices) =>
        choices.Select((_, index) => Chunk([new ChatChunkChoice(index, new ChatDelta("assistant", ""), null, null)], null));

    public override object Piece(int index, string text, string? reason, ILogProbs? logProbs) =>
        Chunk([new ChatChunkChoice(index, new ChatDelta(null, text.Length > 0 ? text : null), (ChatLogProbs?)logProbs, reason)], null);

    public override object UsagePiece(CompletionUsage usage) => Chunk([], usage);

    public override object Reply(IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn) =>
        new ChatReply(Id, Created.ToUnixTimeSeconds(), Model.Description.Name, Fingerprint, drawn[0].Select(Choice), Usage(drawn));

    private ChatChunk Chunk(ChatChunkChoice[] choices, CompletionUsage? usage) => Request.StreamOptions?.IncludeUsage == true
        ? new ChatUsageChunk(Id, Created.ToUnixTimeSeconds(), Model.Description.Name, Fingerprint, choices, usage)
        : new ChatChunk(Id, Created.ToUnixTimeSeconds(), Model.Description.Name, Fingerprint, choices);

    private ChatChoice Choice(GeneratedSequence sequence)
    {
        var logProbs = LogProbs();
        AddTokens(new ChoiceText(Request, Model), sequence, logProbs);
        return new ChatChoice(sequence.SampleIndex, new ChatAnswer(TextOf(sequence)), (ChatLogProbs?)logProbs, ReasonOf(sequence));
    }
}
