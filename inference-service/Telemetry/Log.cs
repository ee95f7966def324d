namespace Rudder.InferenceService.Telemetry;

/// <summary>All log messages of the service. None contains text or ids of a request, or a key. Failures show type and place only.</summary>
internal static partial class Log
{
    [LoggerMessage(11, LogLevel.Information, "Draining: {Calls} calls are running, they have {Seconds} s")]
    public static partial void Draining(ILogger logger, int calls, int seconds);

    [LoggerMessage(12, LogLevel.Warning, "{Calls} calls were still running after {Seconds} s and are ended")]
    public static partial void DrainTimedOut(ILogger logger, int calls, int seconds);

    [LoggerMessage(13, LogLevel.Information, "Drained")]
    public static partial void Drained(ILogger logger);

    [LoggerMessage(14, LogLevel.Error, "{Calls} calls did not end when they were cancelled; the service stops without waiting for them")]
    public static partial void CallsLeftRunning(ILogger logger, int calls);

    [LoggerMessage(20, LogLevel.Debug, "{Method} ended with {Status} after {Milliseconds:F1} ms")]
    public static partial void CallEnded(ILogger logger, string method, string status, double milliseconds);

    [LoggerMessage(21, LogLevel.Error, "{Method} failed, reference {Reference}: {Failure}")]
    public static partial void CallFailed(ILogger logger, string method, string reference, string failure);

    [LoggerMessage(30, LogLevel.Warning, "Telemetry did not reach the OTLP collector at {Endpoint}: {Cause}; calls go on. Logged at most once a minute")]
    public static partial void CollectorFailed(ILogger logger, string endpoint, string cause);

    [LoggerMessage(60, LogLevel.Information, "{What}: read anew and in use")]
    public static partial void SecurityFileReloaded(ILogger logger, string what);

    [LoggerMessage(61, LogLevel.Error, "{What}: the files changed and cannot be used; the old content stays in use: {Fault}")]
    public static partial void SecurityFileKept(ILogger logger, string what, string fault);
}
