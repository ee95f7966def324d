using System.CommandLine;
using Rudder.Client.Files;

namespace Rudder.Client.Commands;

/// <summary>A command whose failures become exit codes, whose messages go to stderr and whose result goes to stdout.</summary>
internal abstract class ClientCommand : Command
{
    /// <summary>Of commands that keep what they have done.</summary>
    protected const string Continues = "the same command continues where this one stopped";

    private readonly Option<bool> _json = new("--json") { Description = "Write the result to stdout as JSON" };

    /// <summary>Creates the command without its options.</summary>
    protected ClientCommand(string name, string help)
        : base(name, help)
    {
        Options.Add(_json);
        SetAction((parsed, stop) =>
        {
            Display display = new(parsed.InvocationConfiguration.Error, !Console.IsErrorRedirected, TimeProvider.System);
            return ExitCodes.RunAsync(() => RunAsync(parsed, display, stop), display, Failures.CodeOf);
        });
    }

    /// <summary>What the same command does after an interruption, for the message of Ctrl-C.</summary>
    protected internal virtual string AfterInterruption(ParseResult parsed) => "the same command starts again from the beginning";

    /// <summary>Does the work.</summary>
    protected abstract Task WorkAsync(ParseResult parsed, Display display, CancellationToken cancel);

    /// <summary>Adds options in the order of the help.</summary>
    protected void Add(params IEnumerable<Option> options)
    {
        foreach (Option option in options)
        {
            Options.Add(option);
        }
    }

    /// <summary>Writes a result to stdout: as JSON for programs, otherwise as <paramref name="text"/>.</summary>
    protected void Result<T>(ParseResult parsed, T result, Action<Display> text)
    {
        TextWriter output = parsed.InvocationConfiguration.Output;
        if (parsed.GetValue(_json))
        {
            output.Write(StrictJson.Format(result));
        }
        else
        {
            text(new Display(output, !Console.IsOutputRedirected, TimeProvider.System));
        }
    }

    private async Task RunAsync(ParseResult parsed, Display display, CancellationToken cancel)
    {
        try
        {
            await WorkAsync(parsed, display, cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw new InterruptedException($"interrupted; {AfterInterruption(parsed)}");
        }
    }
}
