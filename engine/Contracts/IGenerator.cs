namespace Rudder.Engine;

/// <summary>An engine that draws completions from one loaded policy.</summary>
public interface IGenerator : IAsyncDisposable
{
    /// <summary>What was loaded and its limits.</summary>
    GeneratorInfo Info { get; }

    /// <summary>Draws every completion of a batch.</summary>
    /// <param name="batch">Prompts with their settings.</param>
    /// <param name="cancellation">Ends the work within one step and frees its slots; fires on cancellation and on deadline alike.</param>
    /// <returns>One list per prompt, in the order of the batch; in it one sequence per sample index.</returns>
    /// <exception cref="RequestFault">A value does not fit the model or the engine's limits.</exception>
    /// <exception cref="RequestFault">The engine cannot honour a field.</exception>
    /// <exception cref="RequestFault">Too many sequences wait already.</exception>
    /// <exception cref="RequestFault">The engine finishes what it has and takes nothing new.</exception>
    /// <exception cref="EngineFailedException">The native engine failed under these rows.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> fired.</exception>
    Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation);
}

/// <summary>What a generator holds.</summary>
/// <param name="Fingerprint">SHA-256 of the model folder, hex.</param>
/// <param name="Vocabulary">Number of token ids.</param>
/// <param name="Context">Tokens of prompt and completion together at most.</param>
/// <param name="Slots">Sequences decoded together at most.</param>
/// <param name="EosId">End-of-text id, or null where the model has none.</param>
public sealed record GeneratorInfo(string Fingerprint, int Vocabulary, int Context, int Slots, int? EosId);
