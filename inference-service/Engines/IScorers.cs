namespace Rudder.InferenceService.Engines;

/// <summary>A prompt with a given completion, to be scored.</summary>
/// <param name="PromptIds">At least one id.</param>
/// <param name="CompletionIds">May be empty: then its sum is 0.</param>
internal sealed record ScoredSequence(int[] PromptIds, int[] CompletionIds);

/// <summary>log pi(completion | prompt).</summary>
/// <param name="Sum">Nats.</param>
/// <param name="TokenLogProbs">One per completion id, nats.</param>
internal sealed record SequenceScore(double Sum, float[] TokenLogProbs);

/// <summary>How far a model is from a reference along one sequence.</summary>
/// <param name="KlExact">Sum over positions of the exact KL between the two next-token distributions, nats.</param>
/// <param name="KlK1">log model - log reference of the completion, nats; may be negative.</param>
/// <param name="ModelLogProb">log pi(completion) under the model, nats.</param>
/// <param name="ReferenceLogProb">The same under the reference, nats.</param>
/// <param name="Tokens">Completion tokens.</param>
internal sealed record SequenceDivergenceScore(double KlExact, double KlK1, double ModelLogProb, double ReferenceLogProb, int Tokens);

/// <summary>An engine that scores given sequences under one language model.</summary>
internal interface ISequenceScorer : IDisposable
{
    /// <summary>Log-probabilities of each sequence's completion, in order.</summary>
    /// <exception cref="GenerationRequestException">A sequence does not fit the model.</exception>
    IReadOnlyList<SequenceScore> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation);
}

/// <summary>Label probabilities of one text.</summary>
/// <param name="Probabilities">One per label; sums to 1. Over several windows their mean.</param>
/// <param name="Windows">Windows the text was read in.</param>
internal sealed record TextClassification(float[] Probabilities, int Windows);

/// <summary>An engine that classifies texts, given as the classifier's own ids.</summary>
internal interface ITextClassifier : IDisposable
{
    /// <summary>Names of the labels, in the order of the probabilities.</summary>
    IReadOnlyList<string> Labels { get; }

    /// <summary>SHA-256 of the model folder, hex.</summary>
    string Fingerprint { get; }

    /// <summary>Ids of a text without special tokens: windows are cut and special tokens added here. One result per text, in order.</summary>
    /// <exception cref="GenerationRequestException">An id is outside the vocabulary.</exception>
    IReadOnlyList<TextClassification> Classify(IReadOnlyList<int[]> texts, CancellationToken cancellation);

    /// <summary>Ids that hold their special tokens already, each within the context. One result per sequence, in order.</summary>
    /// <exception cref="GenerationRequestException">An id is outside the vocabulary or a sequence is too long.</exception>
    IReadOnlyList<TextClassification> ClassifyIds(IReadOnlyList<int[]> sequences, CancellationToken cancellation);
}
