namespace Rudder.Engine;

/// <summary>An engine that classifies texts, given as the classifier's own ids. Calls from several threads are served one after the other.</summary>
public interface IClassifier : IDisposable
{
    /// <summary>Names of the labels, in the order of the probabilities.</summary>
    IReadOnlyList<string> Labels { get; }

    /// <summary>SHA-256 of the model folder, hex.</summary>
    string Fingerprint { get; }

    /// <summary>Tokens of one window at most, special tokens included.</summary>
    int Context { get; }

    /// <summary>Number of token ids.</summary>
    int Vocabulary { get; }

    /// <summary>Ids of a text without special tokens: windows are cut and special tokens added here. One result per text, in order.</summary>
    /// <exception cref="RequestFault">An id is outside the vocabulary.</exception>
    /// <exception cref="EngineFailedException">The model gives what is no distribution.</exception>
    IReadOnlyList<TextClassification> Classify(IReadOnlyList<int[]> texts, CancellationToken cancellation);

    /// <summary>Ids that hold their special tokens already, each within the context. One result per sequence, in order.</summary>
    /// <exception cref="RequestFault">An id is outside the vocabulary or a sequence is too long.</exception>
    /// <exception cref="EngineFailedException">The model gives what is no distribution.</exception>
    IReadOnlyList<TextClassification> ClassifyIds(IReadOnlyList<int[]> sequences, CancellationToken cancellation);

    /// <summary>Texts and ids of one call, run together with those of other calls that wait at the same time. One result per input, in order.</summary>
    /// <param name="inputs">The texts and ids.</param>
    /// <param name="client">Whose call it is: clients take turns.</param>
    /// <param name="cancellation">Ends the call at once.</param>
    /// <exception cref="RequestFault">An id is outside the vocabulary or a sequence is too long.</exception>
    /// <exception cref="EngineFailedException">The model gives what is no distribution.</exception>
    /// <exception cref="OperationCanceledException">The caller left; other calls go on.</exception>
    Task<IReadOnlyList<TextClassification>> ClassifyAsync(IReadOnlyList<ClassifierInput> inputs, string client, CancellationToken cancellation);
}

/// <summary>One input of a classification.</summary>
/// <param name="Ids">Ids of the classifier.</param>
/// <param name="IsText">Whether they are a text without special tokens, to be cut into windows; else they are taken as they are.</param>
public readonly record struct ClassifierInput(int[] Ids, bool IsText);

/// <summary>Label probabilities of one text.</summary>
/// <param name="Probabilities">One per label; sums to 1. Over several windows their mean.</param>
/// <param name="Windows">Windows the text was read in.</param>
public sealed record TextClassification(float[] Probabilities, int Windows);
