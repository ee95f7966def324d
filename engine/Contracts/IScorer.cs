namespace Rudder.Engine;

/// <summary>Scores given sequences under one language model. It serves calls from several threads one after another.</summary>
public interface IScorer : IDisposable
{
    /// <summary>Maximum tokens of prompt and completion together.</summary>
    int Context { get; }

    /// <summary>Number of token ids.</summary>
    int Vocabulary { get; }

    /// <summary>
    /// Groups the sequences into the batches that run through the model together, as indices; each index occurs once. Scoring one
    /// group per call costs the same as one call, and lets other calls run between two groups.
    /// </summary>
    /// <param name="sequences">Sequences within the model's limits.</param>
    IEnumerable<int[]> Batches(IReadOnlyList<ScoredSequence> sequences);

    /// <summary>Log-probabilities of each sequence's completion, in order.</summary>
    /// <exception cref="RequestFault">A sequence does not fit the model.</exception>
    /// <exception cref="EngineFailedException">The model's output is not a distribution.</exception>
    IReadOnlyList<SequenceScore> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation);

    /// <summary>Measures the divergence of this model from a reference along each sequence, in order.</summary>
    /// <exception cref="RequestFault">A sequence does not fit one of the models, or their vocabularies differ.</exception>
    /// <exception cref="EngineFailedException">The output of a model is not a distribution.</exception>
    IReadOnlyList<SequenceDivergenceScore> Diverge(IScorer reference, IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation);
}

/// <summary>A prompt with a given completion to score.</summary>
/// <param name="PromptIds">At least one id.</param>
/// <param name="CompletionIds">May be empty; the sum is then 0.</param>
public sealed record ScoredSequence(int[] PromptIds, int[] CompletionIds)
{
    /// <summary>How many of the most probable tokens to report at each completion id's position. Default 0.</summary>
    public int TopLogProbs { get; init; }
}

/// <summary>log pi(completion | prompt).</summary>
/// <param name="Sum">Nats.</param>
/// <param name="TokenLogProbs">One per completion id, nats.</param>
public sealed record SequenceScore(double Sum, float[] TokenLogProbs)
{
    /// <summary>The most probable tokens at each completion id's position; null unless the request asks for them.</summary>
    public IReadOnlyList<RankedToken[]>? Top { get; init; }
}

/// <summary>Divergence of a model from a reference along one sequence.</summary>
/// <param name="KlExact">Sum over positions of the exact KL between the two next-token distributions, nats.</param>
/// <param name="KlK1">log model - log reference of the completion, nats; may be negative.</param>
/// <param name="ModelLogProb">log pi(completion) under the model, nats.</param>
/// <param name="ReferenceLogProb">The same under the reference, nats.</param>
/// <param name="Tokens">Number of completion tokens.</param>
public sealed record SequenceDivergenceScore(double KlExact, double KlK1, double ModelLogProb, double ReferenceLogProb, int Tokens);
