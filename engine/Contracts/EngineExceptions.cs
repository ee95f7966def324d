using Rudder.Engine.Sampling;

namespace Rudder.Engine;

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

/// <summary>No model has the name a call gave.</summary>
internal sealed class ModelNotFoundException(string name, IEnumerable<string> loaded) : Exception(
    $"model '{name}' is not loaded; loaded: {(loaded.Any() ? string.Join(", ", loaded.Order(StringComparer.Ordinal)) : "none")}. Models.Load loads one.");

/// <summary>Failures that several engines meet, in the same words.</summary>
internal static class EngineFaults
{
    /// <summary>New work meets a closed engine.</summary>
    public static EngineDrainingException Closed() =>
        new("the model is being unloaded or the service is stopping; no new request is taken. Try again on another instance.");

    /// <summary>Accepted work meets the engine's end.</summary>
    public static EngineDrainingException Stopped() => new("the engine stopped before the request was finished. Try again on another instance.");

    /// <summary>A request does not fit into the queue.</summary>
    /// <param name="waiting">Sequences that wait.</param>
    /// <param name="added">Sequences of the request.</param>
    /// <param name="capacity">Sequences that may wait.</param>
    public static QueueFullException QueueFull(int waiting, int added, int capacity) => new(
        $"{waiting} sequences wait already and the request adds {added}; the queue holds {capacity}. Try again later or ask for fewer at once.");

    /// <summary>The native side failed, or gave what is no distribution.</summary>
    /// <param name="stage">What the engine was at.</param>
    /// <param name="cause">For the log.</param>
    public static EngineFailedException Failed(string stage, Exception cause) =>
        new($"the engine failed in {stage} ({cause.GetType().Name}); other requests go on. See the service's log.", cause);

    /// <summary>A value computed from logits, where it is a number; a damaged model's NaN must not pass for a measurement.</summary>
    /// <param name="value">The value.</param>
    /// <param name="stage">What the engine was at.</param>
    /// <exception cref="EngineFailedException">The value is NaN or infinite.</exception>
    public static double Finite(double value, string stage) => double.IsFinite(value)
        ? value
        : throw Failed(stage, new InvalidLogitsException($"{stage} gave {value}: the logits hold NaN or an infinity."));
}
