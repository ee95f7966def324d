using Grpc.Core;
using Rudder.Client.Rpc;
using Rudder.Client.Terminal;
using Rudder.Datasets;

namespace Rudder.Client;

/// <summary>Turns the outcome of a command into an exit code and a message on stderr.</summary>
internal static class ExitCodes
{
    /// <summary>The command did its work.</summary>
    public const int Done = 0;

    /// <summary>The command line was wrong.</summary>
    public const int Usage = 1;

    /// <summary>A file, a setting or a model was refused.</summary>
    public const int BadInput = 2;

    /// <summary>The work began and failed.</summary>
    public const int Failed = 3;

    /// <summary>Ctrl-C or SIGTERM.</summary>
    public const int Interrupted = 130;

    /// <summary>Runs a command's body; a failure becomes a message and its code.</summary>
    public static async Task<int> RunAsync(Func<CancellationToken, Task> body, Display display, CancellationToken cancel)
    {
        try
        {
            await body(cancel);
            return Done;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            display.Line("interrupted; the same command continues where this one stopped");
            return Interrupted;
        }
        catch (Exception failure)
        {
            (int code, string message) = Of(failure);
            display.Error(message);
            return code;
        }
    }

    /// <summary>Code and message of a failure.</summary>
    public static (int Code, string Message) Of(Exception failure) =>
        failure switch
        {
            InputException or DatasetException => (BadInput, failure.Message),
            ServiceException
            {
                Status: StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.Unimplemented or StatusCode.OutOfRange
            } => (BadInput, failure.Message),
            FileNotFoundException or DirectoryNotFoundException or InvalidDataException or FormatException => (BadInput, failure.Message),
            ServiceException or WorkFailedException or IOException or UnauthorizedAccessException => (Failed, failure.Message),
            _ => (Failed, $"unexpected {failure.GetType().Name}: {failure.Message}{Environment.NewLine}{failure.StackTrace}"),
        };
}
