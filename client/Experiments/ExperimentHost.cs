using Rudder.Client.Files;
using Rudder.Client.Processes;
using Rudder.Client.Rpc;
using Rudder.Client.Runs;
using Rudder.Inference.V1;

namespace Rudder.Client.Experiments;

/// <summary>What <c>client run</c> is asked for.</summary>
/// <param name="File">Experiment file.</param>
/// <param name="Variant">Name of the variant.</param>
/// <param name="Runs">Folder of all runs.</param>
/// <param name="Service">A running service; null starts one.</param>
/// <param name="TrainerPath">Executable of the trainer; null looks beside this program.</param>
/// <param name="ServicePath">Executable of the service; null looks beside this program.</param>
/// <param name="Device">Device of the trainings; null leaves it to the trainer.</param>
/// <param name="Access">Key and certificates for <paramref name="Service"/>; null where it asks for neither.</param>
internal sealed record ExperimentRequest(
    string File,
    string Variant,
    string Runs,
    Uri? Service,
    string? TrainerPath,
    string? ServicePath,
    string? Device,
    ServiceAccess? Access = null
)
{
    /// <summary>Folder of all runs where none is named.</summary>
    public const string DefaultRuns = "runs";
}

/// <summary>Sets a run up: its folder, held by one program at a time, its child processes, and their end in every case.</summary>
internal static class ExperimentHost
{
    private const string Program = "dotnet artifacts/bin/Client/release/client.dll";

    /// <summary>Runs an experiment's variant.</summary>
    /// <param name="request">What to run and where.</param>
    /// <param name="error">Gets progress.</param>
    /// <param name="progress">Makes a stage's progress line.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancel">Stops the children too.</param>
    public static async Task<RunSummary> RunAsync(
        ExperimentRequest request,
        TextWriter error,
        Func<string, ProgressLine> progress,
        TimeProvider time,
        CancellationToken cancel
    )
    {
        ExperimentFile experiment = ExperimentFile.Load(request.File);
        Variant variant = experiment.Find(request.Variant);
        string root = Path.Combine(request.Runs, $"{experiment.Name}-{request.Variant}");
        Directory.CreateDirectory(root);
        using FileStream held = Hold(root);
        void Log(string line) => error.WriteLine(line);

        ProcessLedger ledger = new(Path.Combine(root, "processes.json"), Log);
        await ledger.StopLeftoversAsync(cancel);
        string logs = Path.Combine(root, "logs");
        await using ServiceSession service = new(Plan(request, experiment, variant, root, logs), ledger, Log, time);
        TrainerProgram trainer = new(() => SiblingProgram.Find("Trainer", "trainer", request.TrainerPath, "--trainer"), logs, ledger, Log);
        RunContext context = new(
            root,
            experiment,
            request.Variant,
            variant,
            Reproduce(request),
            request.Device,
            new StageRunner(root, Log, time, MachineInfo.Read(time).Commit),
            new StageInputs(),
            service,
            trainer,
            progress,
            Log,
            time
        );
        return await new ExperimentRun(context).RunAsync(cancel);
    }

    private static ServicePlan Plan(ExperimentRequest request, ExperimentFile experiment, Variant variant, string root, string logs) =>
        new(
            request.Service,
            () => SiblingProgram.Find("InferenceService", "inference-service", request.ServicePath, "--service-program"),
            [root],
            Path.Combine(logs, "service.log"),
            request.Service is null ? "" : $"{experiment.Name}-{request.Variant}-",
            variant.Precision == "int8" ? Precision.Int8 : Precision.Fp32,
            request.Access
        );

    /// <summary>Command that repeats a run, as it can be typed in the root of a checkout after a build.</summary>
    public static string Reproduce(ExperimentRequest request)
    {
        string runs = request.Runs == ExperimentRequest.DefaultRuns ? "" : $" --runs {request.Runs}";
        string service = request.Service is null ? "" : $" --service {request.Service.GetLeftPart(UriPartial.Authority)}";
        string device = request.Device is null ? "" : $" --device {request.Device}";
        return $"{Program} run {request.File} --variant {request.Variant}{runs}{service}{device}";
    }

    private static FileStream Hold(string root)
    {
        try
        {
            return new FileStream(
                Path.Combine(root, ".lock"),
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None,
                1,
                FileOptions.DeleteOnClose
            );
        }
        catch (IOException busy) when (SharingViolation.Is(busy))
        {
            throw new InputException($"{root} is in use by another run; wait for it to end.", busy);
        }
    }
}
