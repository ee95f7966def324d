using Grpc.Core;
using Rudder.Client.Rpc;
using Rudder.Datasets;

namespace Rudder.Client;

/// <summary>The one place that turns an outcome into an exit code and a line on stderr.</summary>
internal static class ExitCodes
{
    /// <summary>All was done.</summary>
    public const int Done = 0;

    /// <summary>The command line was wrong.</summary>
    public const int Usage = 1;

    /// <summary>A file, a setting or a model was refused.</summary>
    public const int BadInput = 2;

    /// <summary>The work began and failed.</summary>
    public const int Failed = 3;

    /// <summary>Ctrl-C or SIGTERM.</summary>
    public const int Interrupted = 130;

    /// <summary>Runs a command's body; every failure becomes one line on <paramref name="error"/> and its code.</summary>
    public static async Task<int> RunAsync(Func<CancellationToken, Task> body, TextWriter error, CancellationToken cancel)
    {
        try
        {
            await body(cancel);
            return Done;
        }
        catch (Exception failure)
        {
            (int code, string message) = Of(failure, cancel.IsCancellationRequested);
            await error.WriteLineAsync(message);
            return code;
        }
    }

    /// <summary>Code and message of a failure.</summary>
    public static (int Code, string Message) Of(Exception failure, bool cancelled) =>
        failure switch
        {
            OperationCanceledException when cancelled => (Interrupted, "interrupted; the same command continues where this one stopped"),
            InputException or DatasetException => (BadInput, $"error: {failure.Message}"),
            ServiceException
            {
                Status: StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.Unimplemented or StatusCode.OutOfRange
            } => (BadInput, $"error: {failure.Message}"),
            ServiceException or WorkFailedException => (Failed, $"error: {failure.Message}"),
            FileNotFoundException or DirectoryNotFoundException or InvalidDataException or FormatException => (
                BadInput,
                $"error: {failure.Message}"
            ),
            IOException or UnauthorizedAccessException => (Failed, $"error: {failure.Message}"),
            _ => (Failed, $"error: unexpected {failure.GetType().Name}: {failure.Message}{Environment.NewLine}{failure.StackTrace}"),
        };
}
