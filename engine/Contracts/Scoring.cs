namespace Rudder.Engine;

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

/// <summary>An input of a classification, as text or as ids; set exactly one of them.</summary>
/// <param name="Text">The text, read in windows; requires a classifier with a tokenizer.</param>
/// <param name="Ids">Ids of the classifier, special tokens included, at most its context; taken as they are.</param>
public sealed record ClassifierInput(string? Text = null, IReadOnlyList<int>? Ids = null);

/// <summary>Label probabilities of one text, or the score that a model with one label, such as a reward model, gives it.</summary>
/// <param name="Probabilities">
/// One per label; they sum to 1. Of a model with one label, its score: any finite number. The mean over the windows of a long text.
/// </param>
/// <param name="Windows">Number of windows that the text was split into.</param>
public sealed record TextClassification(float[] Probabilities, int Windows);
