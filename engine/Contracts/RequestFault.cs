namespace Rudder.Engine;

/// <summary>What a caller can do about a <see cref="RequestFault"/>.</summary>
public enum FaultKind
{
    /// <summary>A value of the request is wrong or over a limit. Change the request.</summary>
    Invalid,

    /// <summary>No model or folder has the name. Use another name, or load the model.</summary>
    NotFound,

    /// <summary>The model's engine cannot do what a field asks for. Leave the field out, or load the model with another engine.</summary>
    Unsupported,

    /// <summary>A model folder cannot be loaded: files are missing, damaged, too large, or belong to different models.</summary>
    ModelUnusable,

    /// <summary>The queue is full. Try the same request again later.</summary>
    Busy,

    /// <summary>The model is being unloaded, or the host is closing. Try another instance.</summary>
    Unavailable,
}

/// <summary>An error that a caller can cause and correct: the field, its value, the limit and the remedy. <see cref="Exception.Message"/> joins them.</summary>
/// <example><c>prompts[3] has 70 ids; the model takes 64 tokens of prompt and completion together. Shorten the prompt.</c></example>
public sealed class RequestFault : Exception
{
    /// <summary>Makes a fault.</summary>
    /// <param name="field">Path of the field, for example <c>prompts[3].ids</c> or <c>settings.max_new_tokens</c>; empty where no single field is at fault.</param>
    /// <param name="value">What the field is or has, as the rest of a sentence: <c>is 9</c>, <c>has 70 ids</c>. Never the text of a request.</param>
    /// <param name="limit">What is allowed, as a clause: <c>it takes 1 to 64</c>; empty where the value says it.</param>
    /// <param name="remedy">What to do, as whole sentences; may be empty.</param>
    /// <param name="kind">What the caller can do.</param>
    /// <param name="inner">The cause, for logs.</param>
    public RequestFault(string field, string value, string limit, string remedy, FaultKind kind = FaultKind.Invalid, Exception? inner = null)
        : base(Compose(field, value, limit, remedy), inner)
    {
        (Field, Value, Limit, Remedy, Kind) = (field, value, limit, remedy, kind);
    }

    /// <summary>Path of the field; empty where no single field is at fault.</summary>
    public string Field { get; }

    /// <summary>What the field is or has, as the rest of a sentence.</summary>
    public string Value { get; }

    /// <summary>What is allowed, as a clause; may be empty.</summary>
    public string Limit { get; }

    /// <summary>What to do, as whole sentences; may be empty.</summary>
    public string Remedy { get; }

    /// <summary>What the caller can do.</summary>
    public FaultKind Kind { get; }

    /// <summary>The message with another name for the field, for interfaces that name their parameters differently.</summary>
    /// <param name="field">The name.</param>
    public string Describe(string field) => Compose(field, Value, Limit, Remedy);

    /// <summary>A model folder cannot be loaded.</summary>
    /// <param name="message">What is wrong with which file, and the remedy.</param>
    /// <param name="inner">The cause.</param>
    internal static RequestFault Unusable(string message, Exception? inner = null) => new("", message, "", "", FaultKind.ModelUnusable, inner);

    private static string Compose(string field, string value, string limit, string remedy)
    {
        string fact = $"{field} {value}".Trim() + (limit.Length > 0 ? $"; {limit}" : "");
        return (fact.EndsWith('.') ? fact : fact + ".") + (remedy.Length > 0 ? $" {remedy}" : "");
    }
}

/// <summary>A native engine failed, or gave NaN or infinite numbers. The cause is the inner exception, for logs only.</summary>
/// <param name="message">What failed.</param>
/// <param name="inner">The cause.</param>
public sealed class EngineFailedException(string message, Exception inner) : Exception(message, inner);

/// <summary>A row of logits is not a distribution: it holds NaN or plus infinity, or every entry is minus infinity.</summary>
/// <param name="message">Which entry, and its value.</param>
public sealed class InvalidLogitsException(string message) : Exception(message);

/// <summary>Faults that several engines report, in the same words.</summary>
internal static class EngineFaults
{
    /// <summary>New work meets a closed engine.</summary>
    public static RequestFault Closed() => new(
        "", "the model is being unloaded or the service is stopping", "it takes no new requests", "Try again on another instance.", FaultKind.Unavailable);

    /// <summary>Accepted work meets the engine's end.</summary>
    public static RequestFault Stopped() =>
        new("", "the engine stopped before the request was finished", "", "Try again on another instance.", FaultKind.Unavailable);

    /// <summary>A request does not fit into the queue.</summary>
    /// <param name="waiting">Sequences that wait.</param>
    /// <param name="added">Sequences of the request.</param>
    /// <param name="capacity">Sequences that may wait.</param>
    public static RequestFault QueueFull(int waiting, int added, int capacity) => new(
        "",
        $"{waiting} sequences wait already and the request adds {added}",
        $"the queue holds {capacity}",
        "Try again later or ask for fewer at once.",
        FaultKind.Busy);

    /// <summary>The native side failed, or gave numbers that are not a distribution.</summary>
    /// <param name="stage">What the engine was doing.</param>
    /// <param name="cause">For the log.</param>
    public static EngineFailedException Failed(string stage, Exception cause) =>
        new($"the engine failed in {stage} ({cause.GetType().Name}); other requests go on. See the service's log.", cause);

    /// <summary>Passes a finite value on, so that a damaged model's NaN cannot pass for a measurement.</summary>
    /// <param name="value">The value.</param>
    /// <param name="stage">What the engine was doing.</param>
    /// <exception cref="EngineFailedException">The value is NaN or infinite.</exception>
    public static double Finite(double value, string stage) => double.IsFinite(value)
        ? value
        : throw Failed(stage, new InvalidLogitsException($"{stage} gave {value}: the logits hold NaN or an infinity."));
}
