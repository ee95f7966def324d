using System.CommandLine;
using System.CommandLine.Invocation;

namespace Rudder.Terminal;

/// <summary>Runs a program's command line: errors and suggestions go to stderr, because stdout is for results.</summary>
public static class CommandProgram
{
    /// <summary>Parses the words and runs the command that they name.</summary>
    /// <param name="root">All commands.</param>
    /// <param name="args">The words.</param>
    /// <param name="stop">Passed to the command.</param>
    /// <returns>The exit code.</returns>
    public static Task<int> RunAsync(Command root, IReadOnlyList<string> args, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(root);
        ParseResult parsed = root.Parse(args);
        InvocationConfiguration configuration = new() { ProcessTerminationTimeout = null };
        if (parsed.Action is ParseErrorAction wrong)
        {
            wrong.ShowHelp = false;
            configuration.Output = configuration.Error;
        }

        return parsed.InvokeAsync(configuration, stop);
    }
}
