namespace Rudder.Engine;

/// <summary>Kind of a <see cref="RequestFault"/>, by what the caller can do.</summary>
public enum FaultKind
{
    /// <summary>A value of the request is invalid or over a limit. Change the request.</summary>
    Invalid,

    /// <summary>No model or folder has the name. Use another name, or load the model.</summary>
    NotFound,

    /// <summary>The model's engine does not support a field. Omit the field, or load the model with another engine.</summary>
    Unsupported,

    /// <summary>A model folder cannot be loaded: files are missing, damaged, too large, or belong to different models.</summary>
    ModelUnusable,

    /// <summary>The queue is full. Try the same request again later.</summary>
    Busy,

    /// <summary>The model is unloading, or the host is closing. Try another instance.</summary>
    Unavailable,
}

/// <summary>An error that the caller can correct: field, value, limit and remedy. <see cref="Exception.Message"/> joins them.</summary>
/// <example><c>prompts[3] has 70 ids; the model takes 64 tokens of prompt and completion together. Shorten the prompt.</c></example>
public sealed class RequestFault : Exception
{
    /// <summary>Creates a fault.</summary>
    /// <param name="field">Path of the field, for example <c>prompts[3].ids</c>; empty if no single field is at fault.</param>
    /// <param name="value">The value as a predicate: <c>is 9</c>, <c>has 70 ids</c>. Never text of a request.</param>
    /// <param name="limit">The limit as a clause: <c>it takes 1 to 64</c>; empty if the value implies it.</param>
    /// <param name="remedy">The remedy, in whole sentences; may be empty.</param>
    /// <param name="kind">What the caller can do.</param>
    /// <param name="inner">The cause, for logs.</param>
    public RequestFault(string field, string value, string limit, string remedy, FaultKind kind = FaultKind.Invalid, Exception? inner = null)
        : base(Compose(field, value, limit, remedy), inner)
    {
        (Field, Value, Limit, Remedy, Kind) = (field, value, limit, remedy, kind);
    }

    /// <summary>Path of the field; empty if no single field is at fault.</summary>
    public string Field { get; }

    /// <summary>The value as a predicate, for example <c>is 9</c>.</summary>
    public string Value { get; }

    /// <summary>The limit as a clause; may be empty.</summary>
    public string Limit { get; }

    /// <summary>The remedy, in whole sentences; may be empty.</summary>
    public string Remedy { get; }

    /// <summary>What the caller can do.</summary>
    public FaultKind Kind { get; }

    /// <summary>The message with another field name, for interfaces that name their parameters differently.</summary>
    /// <param name="field">The name.</param>
    public string Describe(string field) => Compose(field, Value, Limit, Remedy);

    /// <summary>The fault of a model folder that cannot be loaded.</summary>
    /// <param name="value">What is wrong with which file, without a full stop.</param>
    /// <param name="limit">What is allowed, as a clause; may be empty.</param>
    /// <param name="remedy">What to do, as whole sentences; may be empty.</param>
    /// <param name="inner">The cause.</param>
    internal static RequestFault Unusable(string value, string limit = "", string remedy = "", Exception? inner = null) =>
        new("", value, limit, remedy, FaultKind.ModelUnusable, inner);

    private static string Compose(string field, string value, string limit, string remedy)
    {
        string fact = $"{field} {value}".Trim() + (limit.Length > 0 ? $"; {limit}" : "");
        return (fact.EndsWith('.') ? fact : fact + ".") + (remedy.Length > 0 ? $" {remedy}" : "");
    }
}

/// <summary>A native engine failed, or returned NaN or infinite numbers. The inner exception is the cause, for logs only.</summary>
/// <param name="message">What failed.</param>
/// <param name="inner">The cause.</param>
public sealed class EngineFailedException(string message, Exception inner) : Exception(message, inner);

/// <summary>A row of logits is not a distribution: it holds NaN or plus infinity, or every entry is minus infinity.</summary>
/// <param name="message">The entry and its value.</param>
public sealed class InvalidLogitsException(string message) : Exception(message);

/// <summary>Faults with the same wording in several engines.</summary>
internal static class EngineFaults
{
    /// <summary>A closed engine refuses new work.</summary>
    public static RequestFault Closed() => new(
        "", "the model is being unloaded or the service is stopping", "it takes no new requests", "Try again on another instance.", FaultKind.Unavailable);

    /// <summary>The engine stopped before it finished accepted work.</summary>
    public static RequestFault Stopped() =>
        new("", "the engine stopped before the request was finished", "", "Try again on another instance.", FaultKind.Unavailable);

    /// <summary>The weights of the model are written in part.</summary>
    public static RequestFault WeightsBroken() => new(
        "",
        "the last replacement of the model's weights failed and left some of them unwritten",
        "the model takes no requests until a replacement succeeds",
        "Replace the weights again, or load the model again.",
        FaultKind.Unavailable);

    /// <summary>The queue has no room for a request.</summary>
    public static RequestFault QueueFull(int waiting, int added, int capacity) => new(
        "",
        $"{waiting} sequences wait already and the request adds {added}",
        $"the queue holds {capacity}",
        "Try again later or ask for fewer at once.",
        FaultKind.Busy);

    /// <summary>The native engine failed, or its output is not a distribution.</summary>
    public static EngineFailedException Failed(string stage, Exception cause) =>
        new($"the engine failed in {stage} ({cause.GetType().Name}); other requests go on. See the service's log.", cause);

    /// <summary>Returns a finite value unchanged, so that a NaN from a damaged model is never reported as a measurement.</summary>
    /// <exception cref="EngineFailedException">The value is NaN or infinite.</exception>
    public static double Finite(double value, string stage) => double.IsFinite(value)
        ? value
        : throw Failed(stage, new InvalidLogitsException($"{stage} gave {value}: the logits hold NaN or an infinity."));
}
