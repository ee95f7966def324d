namespace Rudder.Engine;

/// <summary>An engine that draws completions from one loaded policy.</summary>
internal interface IGenerator : IAsyncDisposable
{
    /// <summary>The loaded model and its limits.</summary>
    GeneratorInfo Info { get; }

    /// <summary>Draws every completion of a batch.</summary>
    /// <param name="batch">Prompts within the model's limits, with their settings.</param>
    /// <param name="cancellation">Ends the work within one step and frees its slots; fires on cancellation and on the deadline.</param>
    /// <returns>One list per prompt, in the order of the batch, with one sequence per sample index.</returns>
    /// <exception cref="RequestFault">The engine does not support a field, its queue is full, or it is draining.</exception>
    /// <exception cref="EngineFailedException">The native engine failed while it computed these rows.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> fired.</exception>
    Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation);
}

/// <summary>Properties and limits of a generator.</summary>
/// <param name="Fingerprint">SHA-256 of the model folder, hex.</param>
/// <param name="Vocabulary">Number of token ids.</param>
/// <param name="Context">Maximum tokens of prompt and completion together.</param>
/// <param name="Slots">Maximum sequences decoded together.</param>
/// <param name="EosId">End-of-text id; null if the model has none.</param>
internal sealed record GeneratorInfo(string Fingerprint, int Vocabulary, int Context, int Slots, int? EosId);
