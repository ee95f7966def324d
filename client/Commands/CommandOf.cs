using System.CommandLine;
using Rudder.Client.Files;
using Rudder.Client.Terminal;

namespace Rudder.Client.Commands;

/// <summary>Makes commands whose failures become exit codes, whose messages go to stderr and whose results go to stdout.</summary>
internal static class CommandOf
{
    /// <summary>Prints the result as JSON instead of text.</summary>
    public static Option<bool> Json() => new("--json") { Description = "Write the result to stdout as JSON" };

    /// <summary>A command.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="help">What it does, with an example.</param>
    /// <param name="symbols">Arguments and options in the order of the help.</param>
    /// <param name="run">Its action; gets the command line and a display on stderr.</param>
    public static Command Create(
        string name,
        string help,
        IEnumerable<Symbol> symbols,
        Func<ParseResult, Display, CancellationToken, Task> run)
    {
        Command command = new(name, help);
        foreach (Symbol symbol in symbols)
        {
            if (symbol is Argument argument)
            {
                command.Arguments.Add(argument);
            }
            else
            {
                command.Options.Add((Option)symbol);
            }
        }

        command.SetAction(
            (parsed, cancel) =>
            {
                Display display = new(parsed.InvocationConfiguration.Error, !Console.IsErrorRedirected, TimeProvider.System);
                return ExitCodes.RunAsync(token => run(parsed, display, token), display, cancel);
            });
        return command;
    }

    /// <summary>Writes a result to stdout: as JSON for programs, otherwise as <paramref name="text"/>.</summary>
    public static void Result<T>(ParseResult parsed, Option<bool> json, T result, Action<Display> text)
    {
        TextWriter output = parsed.InvocationConfiguration.Output;
        if (parsed.GetValue(json))
        {
            output.Write(StrictJson.Format(result));
        }
        else
        {
            text(new Display(output, !Console.IsOutputRedirected, TimeProvider.System));
        }
    }
}
