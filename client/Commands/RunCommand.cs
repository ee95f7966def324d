using System.CommandLine;
using Rudder.Client.Experiments;
using Rudder.Client.Processes;
using Rudder.Inference.V1;

namespace Rudder.Client.Commands;

/// <summary><c>client run</c>: a whole experiment.</summary>
internal static class RunCommand
{
    private const string Help =
        """
        Runs an experiment's stages into runs/NAME-VARIANT: export, pairs, DPO at each beta, evaluation, summary.json and
        report.html. Stages whose inputs are unchanged are kept; an interrupted run continues. The inference service and the
        trainer are started as needed and stopped again, unless --service names a running service (which must be allowed to
        load from this checkout's models/ and runs/). Paths in the experiment file are relative to the current folder.

        Examples:
          client run experiments/imdb-dpo/experiment.json --variant demo
          client run experiments/imdb-dpo/experiment.json --variant mini --service http://127.0.0.1:5080
        """;

    /// <summary>The command with its options.</summary>
    public static Command Create()
    {
        Argument<string> file = new("experiment") { Description = "Experiment file, e.g. experiments/imdb-dpo/experiment.json" };
        Option<string> variant = new("--variant") { Description = "Which size of it, e.g. demo, mini, full", Required = true };
        Option<string> runs = new("--runs") { Description = "Folder of all runs", HelpName = "FOLDER", DefaultValueFactory = _ => "runs" };
        Option<Uri?> service = new("--service") { Description = "A running inference service instead of one of its own", HelpName = "URL", CustomParser = ServiceAddress.Parse };
        Option<string?> trainerPath = new("--trainer") { Description = "Executable of the trainer, where it is not beside this program", HelpName = "PATH" };
        Option<string?> servicePath = new("--service-program") { Description = "Executable of the inference service, where it is not beside this program", HelpName = "PATH" };
        Option<string?> device = new("--device") { Description = "Device of the trainings: cpu or cuda" };
        device.AcceptOnlyFromAmong("cpu", "cuda");
        Command command = new("run", Help) { file, variant, runs, service, trainerPath, servicePath, device };
        command.SetAction((parsed, cancel) => CommandBody.RunAsync(parsed, async token =>
        {
            RunRequest request = new(
                parsed.GetRequiredValue(file), parsed.GetRequiredValue(variant), parsed.GetRequiredValue(runs), parsed.GetValue(service), parsed.GetValue(trainerPath), parsed.GetValue(servicePath), parsed.GetValue(device));
            TextWriter error = parsed.InvocationConfiguration.Error;
            Summary summary = await ExperimentHost.RunAsync(
                request, TextWriter.Synchronized(error), stage => CommandBody.Progress(parsed, stage, "prompts"), TimeProvider.System, token).ConfigureAwait(false);
            parsed.InvocationConfiguration.Output.Write(FrontierTable.Format(summary.Policies));
            parsed.InvocationConfiguration.Output.WriteLine($"report: {summary.Report}");
        }, cancel));
        return command;
    }
}
