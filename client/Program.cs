using System.CommandLine;
using Rudder.Client.Commands;

using StopSignal stop = new();
RootCommand root = new(
    """
    Generates preference pairs, evaluates policies, measures throughput, runs whole experiments, writes their reports and scores
    forecasts.

    Examples:
      client run experiments/imdb-dpo/experiment.json --variant demo
      client report runs/imdb-dpo-demo
      client pairs --help
      client forecast experiments/forecast/forecasts.csv
    """)
{
    new PairsCommand(),
    new EvaluateCommand(),
    new BenchCommand(),
    new RunCommand(),
    new ReportCommand(),
    new ForecastCommand(),
};
return await CommandProgram.RunAsync(root, args, stop.Token);
