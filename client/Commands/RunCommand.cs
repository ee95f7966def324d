using System.CommandLine;
using System.Globalization;
using Rudder.Client.Evaluation;
using Rudder.Client.Experiments;
using Rudder.Client.Runs;

namespace Rudder.Client.Commands;

/// <summary><c>client run</c>: a whole experiment.</summary>
internal sealed class RunCommand : ClientCommand
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

    private readonly Argument<string> _file = new("experiment")
    {
        Description = "Experiment file, e.g. experiments/imdb-dpo/experiment.json",
    };
    private readonly Option<string> _variant = OptionOf.Required("--variant", "Which size of it, e.g. demo, mini, full");
    private readonly Option<string> _runs = OptionOf.Default("--runs", ExperimentRequest.DefaultRuns, "Folder of all runs");
    private readonly Option<Uri> _service = OptionOf.Service(required: false, "A running inference service, used instead of starting one");
    private readonly AccessOptions _access = new();
    private readonly Option<string?> _trainerPath = OptionOf.Optional(
        "--trainer", "PATH", "Executable of the trainer; by default beside this program, in the build output, or on PATH");
    private readonly Option<string?> _servicePath = OptionOf.Optional(
        "--service-program", "PATH", "Executable of the inference service; searched like the trainer");
    private readonly Option<string?> _device = OptionOf.Optional("--device", "cpu|cuda", "Device of the trainings");

    public RunCommand()
        : base("run", Help)
    {
        _device.AcceptOnlyFromAmong("cpu", "cuda");
        Arguments.Add(_file);
        Add([_variant, _runs, _service, _trainerPath, _servicePath, _device, .. _access.All]);
        Validators.Add(result =>
        {
            if (result.GetResult(_service) is null && _access.AreGivenTo(result))
            {
                string options = string.Join(", ", _access.All.Select(option => option.Name));
                result.AddError($"{options} are for a running service; name it with --service URL.");
            }
        });
    }

    protected override async Task WorkAsync(ParseResult parsed, Display display, CancellationToken cancel)
    {
        ExperimentRequest request = new(
            parsed.GetRequiredValue(_file), parsed.GetRequiredValue(_variant), parsed.GetRequiredValue(_runs), parsed.GetValue(_service),
            parsed.GetValue(_trainerPath), parsed.GetValue(_servicePath), parsed.GetValue(_device),
            parsed.GetValue(_service) is { } address ? _access.Read(parsed, address) : null);
        RunSummary summary = await ExperimentHost.RunAsync(request, display, TimeProvider.System, cancel);
        Result(parsed, summary, shown =>
        {
            shown.Table(
                ["policy", "beta", "reward [95 %]", "kl/seq_exact [95 %]", "kl/seq_k1 [95 %]", "prompts x samples"],
                summary.Policies.Select(Row));
            shown.Line($"report: {summary.Report}");
        });
    }

    private static IEnumerable<string> Row(PolicySummary policy) =>
    [
        policy.Name,
        policy.Beta?.ToString("0.####", CultureInfo.InvariantCulture) ?? "-",
        Interval.Text(policy.RewardMean, policy.RewardCi, "0.000"),
        Interval.Text(policy.KlSeqExact, policy.KlSeqExactCi, "0.00"),
        Interval.Text(policy.KlSeqK1, policy.KlSeqK1Ci, "0.00"),
        $"{policy.Prompts} x {policy.Samples / policy.Prompts}",
    ];
}
