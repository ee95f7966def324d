using System.CommandLine;
using Rudder.Client.Processes;

namespace Rudder.Client.Commands;

/// <summary>What every command's action shares: failures become exit codes, progress goes to stderr.</summary>
internal static class CommandBody
{
    /// <summary>A command that reads prompts and works with a running service.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="help">What it does, with an example.</param>
    /// <param name="own">Its own options.</param>
    /// <param name="prompts">Where its prompts come from.</param>
    /// <param name="service">The service and how it is called.</param>
    /// <param name="run">Its action.</param>
    public static Command ServiceCommand(
        string name,
        string help,
        IEnumerable<Option> own,
        PromptOptions prompts,
        ServiceOptions service,
        Func<ParseResult, CancellationToken, Task> run
    )
    {
        Command command = new(name, help);
        foreach (Option option in own)
        {
            command.Options.Add(option);
        }

        prompts.AddTo(command);
        service.AddTo(command);
        command.SetAction((parsed, cancel) => RunAsync(parsed, token => run(parsed, token), cancel));
        return command;
    }

    /// <summary>Runs the action; see <see cref="ExitCodes"/>.</summary>
    public static Task<int> RunAsync(ParseResult parsed, Func<CancellationToken, Task> body, CancellationToken cancel) =>
        ExitCodes.RunAsync(body, parsed.InvocationConfiguration.Error, cancel);

    /// <summary>A progress line on stderr.</summary>
    public static ProgressLine Progress(ParseResult parsed, string what, string unit) =>
        new(what, unit, parsed.InvocationConfiguration.Error, !Console.IsErrorRedirected, TimeProvider.System);
}
