using Rudder.Engine.Sampling;

namespace Rudder.Engine.Generation;

/// <summary>One sequence of a GenAI batch. It collects tokens until it ends and ignores the padding that GenAI emits afterwards.</summary>
/// <param name="promptIndex">Index of the prompt in the request.</param>
/// <param name="sampleIndex">Index of the completion among the prompt's completions.</param>
/// <param name="prompt">The prompt.</param>
internal sealed class GenAiRow(int promptIndex, int sampleIndex, PromptRequest prompt)
{
    private readonly List<int> _ids = [];
    private readonly List<float> _logProbs = [];
    private readonly List<RankedToken[]>? _top = prompt.TopLogProbs > 0 ? [] : null;
    private bool _stopped;

    /// <summary>Index of the prompt in the request.</summary>
    public int PromptIndex { get; } = promptIndex;

    /// <summary>Index of the completion among the prompt's completions.</summary>
    public int SampleIndex { get; } = sampleIndex;

    /// <summary>The prompt.</summary>
    public PromptRequest Prompt { get; } = prompt;

    /// <summary>Whether it has ended.</summary>
    public bool IsFinished => _stopped || _ids.Count == Prompt.MaxNewTokens;

    /// <summary>Adds the next token of the batch.</summary>
    /// <param name="id">The token.</param>
    /// <param name="logits">The raw logits that the token was drawn from. [V]</param>
    /// <param name="eosId">GenAI ends a row at this id.</param>
    /// <exception cref="EngineFailedException">The logits are not a distribution.</exception>
    public void Append(int id, ReadOnlySpan<float> logits, int? eosId)
    {
        if (IsFinished)
        {
            return;
        }

        double logSum = LogitMath.LogSumExp(logits);
        float logProb = (float)EngineFaults.Finite((float)(logits[id] - logSum), "drawing a token");
        var top = _top is null ? null : TopTokens.Of(logits, logSum, Prompt.TopLogProbs);
        _ids.Add(id);
        _logProbs.Add(logProb);
        _top?.Add(top!);
        Prompt.OnToken?.Invoke(new DrawnToken(SampleIndex, id, logProb, top));
        _stopped = id == eosId || Prompt.Stop.Ends(_ids);
    }

    /// <summary>The finished completion.</summary>
    public GeneratedSequence Result(ulong seed) =>
        new(SampleIndex, [.. _ids], [.. _logProbs], _stopped ? GenerationEnd.Stop : GenerationEnd.Length, seed) { Top = _top };
}
