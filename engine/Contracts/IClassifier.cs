namespace Rudder.Engine;

/// <summary>
/// Classifies texts given as the classifier's own ids. A model with one label, such as a reward model, gives a score instead of a
/// probability. It serves calls from several threads one after another.
/// </summary>
public interface IClassifier : IDisposable
{
    /// <summary>Names of the labels, in the order of the probabilities.</summary>
    IReadOnlyList<string> Labels { get; }

    /// <summary>SHA-256 of the model folder, hex.</summary>
    string Fingerprint { get; }

    /// <summary>Maximum tokens of one window, special tokens included.</summary>
    int Context { get; }

    /// <summary>Number of token ids.</summary>
    int Vocabulary { get; }

    /// <summary>Classifies texts given as ids, one result per text in order. It cuts windows and adds the special tokens.</summary>
    /// <exception cref="RequestFault">An id is outside the vocabulary.</exception>
    /// <exception cref="EngineFailedException">The model's output is not finite.</exception>
    IReadOnlyList<TextClassification> Classify(IReadOnlyList<int[]> texts, CancellationToken cancellation);

    /// <summary>Classifies ids that include special tokens and fit the context. One result per sequence, in order.</summary>
    /// <exception cref="RequestFault">An id is outside the vocabulary or a sequence is too long.</exception>
    /// <exception cref="EngineFailedException">The model's output is not finite.</exception>
    IReadOnlyList<TextClassification> ClassifyIds(IReadOnlyList<int[]> sequences, CancellationToken cancellation);

    /// <summary>Classifies texts and ids, batched with other calls that wait at the same time. One result per input, in order.</summary>
    /// <param name="inputs">The texts and ids.</param>
    /// <param name="client">Name of the client; clients take turns.</param>
    /// <param name="cancellation">Ends the call at once.</param>
    /// <exception cref="RequestFault">An id is outside the vocabulary or a sequence is too long.</exception>
    /// <exception cref="EngineFailedException">The model's output is not finite.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled; other calls continue.</exception>
    Task<IReadOnlyList<TextClassification>> ClassifyAsync(IReadOnlyList<ClassifierInput> inputs, string client, CancellationToken cancellation);
}

/// <summary>One input of a classification.</summary>
/// <param name="Ids">Ids of the classifier.</param>
/// <param name="IsText">True for a text without special tokens, which is cut into windows; false to take the ids unchanged.</param>
public readonly record struct ClassifierInput(int[] Ids, bool IsText);

/// <summary>Label probabilities of one text, or the score that a model with one label gives it.</summary>
/// <param name="Probabilities">
/// One per label; they sum to 1. Of a model with one label, its score: any finite number. The mean over the windows of a long text.
/// </param>
/// <param name="Windows">Number of windows that the text was split into.</param>
public sealed record TextClassification(float[] Probabilities, int Windows);
