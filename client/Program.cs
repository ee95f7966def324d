using System.CommandLine;
using System.CommandLine.Invocation;
using Rudder.Client.Commands;
using Rudder.Client.Processes;

using Termination termination = new();
RootCommand root = new(
    """
    Generates preference pairs, evaluates policies, runs whole experiments and writes their reports.

    Examples:
      client run experiments/imdb-dpo/experiment.json --variant demo
      client report runs/imdb-dpo-demo
      client pairs --help
    """)
{
    PairsCommand.Create(),
    EvaluateCommand.Create(),
    RunCommand.Create(),
    ReportCommand.Create(),
};
ParseResult parsed = root.Parse(args);
InvocationConfiguration configuration = new() { ProcessTerminationTimeout = null };
if (parsed.Action is ParseErrorAction wrong)
{
    wrong.ShowHelp = false;
    configuration.Output = configuration.Error; // suggestions; stdout is for data
}

return await parsed.InvokeAsync(configuration, termination.Token);
