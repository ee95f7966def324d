using Microsoft.Extensions.Logging;

namespace Rudder.Engine.Registry;

/// <summary>Every line that the engine logs. A failure is logged as its type and place, because its message may quote a request.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(1, LogLevel.Information, "Model {Name} is warm: {Kind}, {Precision}, fingerprint {Fingerprint}, tokenizer {Tokenizer}, {Seconds:F1} s")]
    public static partial void ModelWarm(
        ILogger logger, string name, string kind, string precision, string fingerprint, string tokenizer, double seconds);

    [LoggerMessage(2, LogLevel.Information, "Model {Name} was replaced; fingerprint {Old} drains")]
    public static partial void ModelReplaced(ILogger logger, string name, string old);

    [LoggerMessage(3, LogLevel.Information, "Model {Name}, fingerprint {Fingerprint}, is unloaded")]
    public static partial void ModelUnloaded(ILogger logger, string name, string fingerprint);

    [LoggerMessage(4, LogLevel.Warning, "Model {Name} had calls running after {Seconds} s; they were ended")]
    public static partial void ModelDrainTimedOut(ILogger logger, string name, int seconds);

    [LoggerMessage(5, LogLevel.Error, "Unloading model {Name} failed: {Failure}")]
    public static partial void ModelUnloadFailed(ILogger logger, string name, string failure);

    [LoggerMessage(7, LogLevel.Error, "A handler of the unloading of model {Name} failed: {Failure}")]
    public static partial void UnloadedHandlerFailed(ILogger logger, string name, string failure);

    [LoggerMessage(6, LogLevel.Error, "Model {Name}, fingerprint {Fingerprint}, still has calls {Seconds} s after their time was up; its memory is freed when the last one leaves")]
    public static partial void ModelCallsLeft(ILogger logger, string name, string fingerprint, int seconds);
}
