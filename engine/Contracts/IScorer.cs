using Rudder.Engine.Sampling;

namespace Rudder.Engine;

/// <summary>An engine that scores given sequences under one language model. Calls from several threads are served one after the other.</summary>
public interface IScorer : IDisposable
{
    /// <summary>Tokens of prompt and completion together at most.</summary>
    int Context { get; }

    /// <summary>Number of token ids.</summary>
    int Vocabulary { get; }

    /// <summary>
    /// The groups of sequences that go through the model together, as indices; every one occurs once. Scored one group a call they
    /// cost no more, and others may come between two groups.
    /// </summary>
    /// <param name="sequences">Sequences that fit the model.</param>
    IEnumerable<int[]> Batches(IReadOnlyList<ScoredSequence> sequences);

    /// <summary>Log-probabilities of each sequence's completion, in order.</summary>
    /// <exception cref="RequestFault">A sequence does not fit the model.</exception>
    /// <exception cref="EngineFailedException">The model gives what is no distribution.</exception>
    IReadOnlyList<SequenceScore> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation);

    /// <summary>How far this model is from a reference along each sequence, in order.</summary>
    /// <exception cref="RequestFault">A sequence does not fit one of the models, or their vocabularies differ.</exception>
    /// <exception cref="EngineFailedException">A model gives what is no distribution.</exception>
    IReadOnlyList<SequenceDivergenceScore> Diverge(IScorer reference, IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation);
}

/// <summary>A prompt with a given completion, to be scored.</summary>
/// <param name="PromptIds">At least one id.</param>
/// <param name="CompletionIds">May be empty: then its sum is 0.</param>
public sealed record ScoredSequence(int[] PromptIds, int[] CompletionIds)
{
    /// <summary>How many of the most probable tokens are told at each completion id's place. Default 0: none.</summary>
    public int TopLogProbs { get; init; }
}

/// <summary>log pi(completion | prompt).</summary>
/// <param name="Sum">Nats.</param>
/// <param name="TokenLogProbs">One per completion id, nats.</param>
public sealed record SequenceScore(double Sum, float[] TokenLogProbs)
{
    /// <summary>The most probable tokens at each completion id's place; null where none were asked for.</summary>
    public IReadOnlyList<RankedToken[]>? Top { get; init; }
}

/// <summary>How far a model is from a reference along one sequence.</summary>
/// <param name="KlExact">Sum over positions of the exact KL between the two next-token distributions, nats.</param>
/// <param name="KlK1">log model - log reference of the completion, nats; may be negative.</param>
/// <param name="ModelLogProb">log pi(completion) under the model, nats.</param>
/// <param name="ReferenceLogProb">The same under the reference, nats.</param>
/// <param name="Tokens">Completion tokens.</param>
public sealed record SequenceDivergenceScore(double KlExact, double KlK1, double ModelLogProb, double ReferenceLogProb, int Tokens);
