namespace Rudder.InferenceService.Telemetry;

/// <content>Messages about certificates and keys. None contains a key or a part of one.</content>
internal static partial class Log
{
    [LoggerMessage(60, LogLevel.Information, "{What}: read anew and in use")]
    public static partial void SecurityFileReloaded(ILogger logger, string what);

    [LoggerMessage(61, LogLevel.Error, "{What}: the files changed and cannot be used; the old content stays in use: {Fault}")]
    public static partial void SecurityFileKept(ILogger logger, string what, string fault);
}
