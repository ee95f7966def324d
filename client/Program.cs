using System.CommandLine;
using Rudder.Client.Commands;

using StopSignal stop = new();
RootCommand root = new(
    """
    Generates preference pairs, evaluates policies, measures throughput, runs whole experiments and writes their reports.

    Examples:
      client run experiments/imdb-dpo/experiment.json --variant demo
      client report runs/imdb-dpo-demo
      client pairs --help
    """)
{
    new PairsCommand(),
    new EvaluateCommand(),
    new BenchCommand(),
    new RunCommand(),
    new ReportCommand(),
};
return await CommandProgram.RunAsync(root, args, stop.Token);
