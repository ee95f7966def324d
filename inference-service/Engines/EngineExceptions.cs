namespace Rudder.InferenceService.Engines;

/// <summary>A request's value does not fit the model or a limit: INVALID_ARGUMENT.</summary>
/// <param name="field">The field, as the protocol names it.</param>
/// <param name="message">What, which value, the limit and the remedy.</param>
internal sealed class GenerationRequestException(string field, string message) : Exception(message)
{
    /// <summary>The field, as the protocol names it.</summary>
    public string Field { get; } = field;
}

/// <summary>The engine cannot honour a field: UNIMPLEMENTED.</summary>
/// <param name="field">The field, as the protocol names it.</param>
/// <param name="message">What is not possible and what to do instead.</param>
internal sealed class UnsupportedByEngineException(string field, string message) : Exception(message)
{
    /// <summary>The field, as the protocol names it.</summary>
    public string Field { get; } = field;
}

/// <summary>Too much waits already: RESOURCE_EXHAUSTED.</summary>
internal sealed class QueueFullException(string message) : Exception(message);

/// <summary>The engine finishes what it has and takes nothing new: UNAVAILABLE.</summary>
internal sealed class EngineDrainingException(string message) : Exception(message);

/// <summary>A native engine failed under some rows: INTERNAL. The cause is the inner exception, for the log only.</summary>
internal sealed class EngineFailedException(string message, Exception inner) : Exception(message, inner);

/// <summary>A model's graphs cannot be loaded: missing, damaged, of another model, or too big. FAILED_PRECONDITION.</summary>
internal sealed class ModelLoadException(string message, Exception? inner = null) : Exception(message, inner);
