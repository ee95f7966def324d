using System.CommandLine;
using Rudder.Client.Processes;

namespace Rudder.Client.Commands;

/// <summary>What every command's action shares: failures become exit codes, progress goes to stderr.</summary>
internal static class CommandBody
{
    /// <summary>Runs the action; see <see cref="ExitCodes"/>.</summary>
    public static Task<int> RunAsync(ParseResult parsed, Func<CancellationToken, Task> body, CancellationToken cancel) =>
        ExitCodes.RunAsync(body, parsed.InvocationConfiguration.Error, cancel);

    /// <summary>A progress line on stderr.</summary>
    public static ProgressLine Progress(ParseResult parsed, string what, string unit) =>
        new(what, unit, parsed.InvocationConfiguration.Error, !Console.IsErrorRedirected, TimeProvider.System);
}
