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
/// <param name="TrainerPath">Executable of the trainer; null searches for it.</param>
/// <param name="ServicePath">Executable of the service; null searches for it.</param>
/// <param name="Device">Device of the trainings; null leaves it to their recipes.</param>
/// <param name="Access">Key and certificates for <paramref name="Service"/>; null where it asks for neither.</param>
internal sealed record ExperimentRequest(
    string File,
    string Variant,
    string Runs,
    Uri? Service,
    string? TrainerPath,
    string? ServicePath,
    string? Device,
    ServiceAccess? Access = null)
{
    /// <summary>Which stages are wanted.</summary>
    public StageSelection Stages { get; init; } = StageSelection.All;

    /// <summary>Folder of all runs where none is named.</summary>
    public const string DefaultRuns = "runs";
}

/// <summary>Sets a run up: its folder, held by one program at a time, its child processes, and their end in every case.</summary>
internal static class ExperimentHost
{
    /// <summary>Starts the client of a checkout.</summary>
    public const string FromSource = "dotnet run --project client --";

    private static readonly string BuildOutput = Path.Combine("artifacts", "bin");

    /// <summary>Runs an experiment's variant.</summary>
    /// <returns>The summary; null after a single stage, which leaves none.</returns>
    public static async Task<RunSummary?> RunAsync(ExperimentRequest request, Display display, TimeProvider time, CancellationToken cancel)
    {
        var experiment = ExperimentFile.Load(request.File);
        _ = experiment.Find(request.Variant); // before a folder is made for it
        string root = Root(request, experiment);
        Directory.CreateDirectory(root);
        using FolderLock held = FolderLock.TryTake(root, out string? other)
            ?? throw new BadInputException($"{root} is in use by {other}; wait for it to end.");
        ProcessLedger ledger = Ledger(root, display);
        await ledger.StopLeftoversAsync(cancel);
        RunContext context = Context(request, experiment, ledger, MachineInfo.Read(time).Commit, display, time);
        await using ServiceSession service = context.Service;
        return await new ExperimentRun(context).RunAsync(request.Stages, cancel);
    }

    /// <summary>What runs of these variants, or of all, would do, and how long they took last time. Starts and writes nothing.</summary>
    public static IReadOnlyList<ExperimentPlan> Plan(
        ExperimentRequest request,
        IEnumerable<string>? variants,
        Display display,
        TimeProvider time)
    {
        var experiment = ExperimentFile.Load(request.File);
        return
        [
            .. (variants ?? experiment.Variants.Keys)
                .Select(variant => request with { Variant = variant })
                .Select(one => ExperimentPlan.Of(
                    Context(one, experiment, Ledger(Root(one, experiment), display), commit: null, display, time), request.Stages)),
        ];
    }

    private static string Root(ExperimentRequest request, ExperimentFile experiment) =>
        Path.Combine(request.Runs, $"{experiment.Name}-{request.Variant}");

    private static ProcessLedger Ledger(string root, Display display) => new(Path.Combine(root, "processes.json"), display.Line);

    /// <summary>What the stages of a variant work with. Programs are looked for and started when a stage needs them.</summary>
    private static RunContext Context(
        ExperimentRequest request,
        ExperimentFile experiment,
        ProcessLedger ledger,
        string? commit,
        Display display,
        TimeProvider time)
    {
        Variant variant = experiment.Find(request.Variant);
        string root = Root(request, experiment);
        string logs = Path.Combine(root, "logs");
        ServiceSession service = new(ServicePlanOf(request, experiment, variant, root, logs), ledger, display.Line, time);
        TrainerProgram trainer = new(() => SiblingProgram.Trainer.Find(request.TrainerPath), logs, ledger, display.Line);
        return new RunContext(
            root, experiment, request.Variant, variant, Reproduce(request), request.Device,
            new StageRunner(root, display.Line, time, commit), new StageInputs(), service, trainer, display, time);
    }

    private static ServicePlan ServicePlanOf(
        ExperimentRequest request,
        ExperimentFile experiment,
        Variant variant,
        string root,
        string logs) =>
        new(
            request.Service,
            () => SiblingProgram.Service.Find(request.ServicePath),
            [root],
            Path.Combine(logs, "service.log"),
            request.Service is null ? "" : $"{experiment.Name}-{request.Variant}-",
            variant.Precision == "int8" ? Precision.Int8 : Precision.Fp32,
            request.Access);

    /// <summary>Command that repeats a run: that of an installed tool, or <see cref="FromSource"/> from the root of a checkout.</summary>
    /// <param name="request">The run.</param>
    /// <param name="program">Folder of the client's files; null is where it runs from.</param>
    public static string Reproduce(ExperimentRequest request, string? program = null)
    {
        bool built = Path.TrimEndingDirectorySeparator(program ?? AppContext.BaseDirectory).Contains(BuildOutput, StringComparison.Ordinal);
        string runs = request.Runs == ExperimentRequest.DefaultRuns ? "" : $" --runs {request.Runs}";
        string service = request.Service is null ? "" : $" --service {request.Service.GetLeftPart(UriPartial.Authority)}";
        string device = request.Device is null ? "" : $" --device {request.Device}";
        return $"{(built ? FromSource : "client")} run {request.File} --variant {request.Variant}{runs}{service}{device}";
    }
}
