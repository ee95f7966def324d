using System.CommandLine;
using Rudder.Client.Experiments;
using Rudder.Client.Runs;

namespace Rudder.Client.Commands;

/// <summary><c>client run</c>: a whole experiment.</summary>
internal sealed class RunCommand
{
    private const string Help = """
        Runs an experiment's stages into runs/NAME-VARIANT: export, pairs, DPO at each beta, evaluation, summary.json and
        report.html. Stages whose inputs are unchanged are kept; an interrupted run continues. The inference service and the
        trainer are started as needed and stopped again, unless --service names a running service (which must be allowed to
        load from the run's folder). Paths in the experiment file are relative to the current folder.

        Examples:
          client run experiments/imdb-dpo/experiment.json --variant demo
          client run experiments/imdb-dpo/experiment.json --variant mini --service http://127.0.0.1:5080
        """;

    private readonly Argument<string> file = new("experiment")
    {
        Description = "Experiment file, e.g. experiments/imdb-dpo/experiment.json",
    };
    private readonly Option<string> variant = OptionOf.Required("--variant", "Which size of it, e.g. demo, mini, full");
    private readonly Option<string> runs = OptionOf.Default("--runs", ExperimentRequest.DefaultRuns, "Folder of all runs");
    private readonly Option<Uri?> service = new("--service")
    {
        Description = "A running inference service instead of one of its own",
        HelpName = "URL",
        CustomParser = ServiceAddress.Parse,
    };
    private readonly AccessOptions access = new();
    private readonly Option<string?> trainerPath = OptionOf.Optional(
        "--trainer",
        "PATH",
        "The trainer, where it is not beside this program"
    );
    private readonly Option<string?> servicePath = OptionOf.Optional(
        "--service-program",
        "PATH",
        "The inference service, where it is not beside this program"
    );
    private readonly Option<string?> device = OptionOf.Optional("--device", "cpu|cuda", "Device of the trainings");

    /// <summary>The command with its options.</summary>
    public static Command Create() => new RunCommand().Build();

    private Command Build()
    {
        device.AcceptOnlyFromAmong("cpu", "cuda");
        Command command = new("run", Help) { file, variant, runs, service, trainerPath, servicePath, device };
        access.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(service) is null && access.AreGivenTo(result))
            {
                result.AddError(
                    "--api-key-file, --ca, --certificate and --certificate-key are for a running service; name it with --service URL."
                );
            }
        });
        command.SetAction((parsed, cancel) => CommandBody.RunAsync(parsed, token => RunAsync(parsed, token), cancel));
        return command;
    }

    private async Task RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        ExperimentRequest request = new(
            parsed.GetRequiredValue(file),
            parsed.GetRequiredValue(variant),
            parsed.GetRequiredValue(runs),
            parsed.GetValue(service),
            parsed.GetValue(trainerPath),
            parsed.GetValue(servicePath),
            parsed.GetValue(device),
            parsed.GetValue(service) is { } address ? access.Read(parsed, address) : null
        );
        TextWriter error = TextWriter.Synchronized(parsed.InvocationConfiguration.Error);
        RunSummary summary = await ExperimentHost.RunAsync(
            request,
            error,
            stage => CommandBody.Progress(parsed, stage, "prompts"),
            TimeProvider.System,
            cancel
        );
        TextWriter output = parsed.InvocationConfiguration.Output;
        output.Write(FrontierTable.Format(summary.Policies));
        output.WriteLine($"report: {summary.Report}");
    }
}
