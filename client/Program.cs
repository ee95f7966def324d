using System.CommandLine;
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
    """
)
{
    PairsCommand.Create(),
    EvaluateCommand.Create(),
    RunCommand.Create(),
    ReportCommand.Create(),
};
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null }, termination.Token);
