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
        Runs an experiment's stages into runs/NAME-VARIANT: models, pairs, trainings, evaluations, summary.json and
        report.html. Stages whose inputs are unchanged are kept; an interrupted run continues. The inference service and the
        trainer are started as needed and stopped again, unless --service names a running service (which must be allowed to
        load from the run's folder). Paths in the experiment file are relative to the current folder.

        --plan prints the stages, what they lack and how long they took last time. --from STAGE runs that stage and all later
        ones again, --only STAGE that one alone; the other stages must be done and are taken as they are.

        Examples:
          client run experiments/imdb-dpo/experiment.json --variant demo
          client run experiments/imdb-dpo/experiment.json --variant mini --service http://127.0.0.1:5080
          client run experiments/reinforce/experiment.json --plan
          client run experiments/imdb-dpo/experiment.json --variant mini --from dpo-beta-0.05
        """;

    private readonly Argument<string> _file = new("experiment")
    {
        Description = "Experiment file, e.g. experiments/imdb-dpo/experiment.json",
    };
    private readonly Option<string?> _variant = OptionOf.Optional(
        "--variant", "NAME", "Which size of it, e.g. demo, mini, full; required except with --plan");
    private readonly Option<bool> _plan = new("--plan") { Description = "Print what would run; start nothing" };
    private readonly Option<string?> _from = OptionOf.Optional("--from", "STAGE", "Run this stage and all later ones again");
    private readonly Option<string?> _only = OptionOf.Optional("--only", "STAGE", "Run this stage alone, again");
    private readonly Option<string> _runs = OptionOf.Default("--runs", ExperimentRequest.DefaultRuns, "Folder of all runs");
    private readonly Option<Uri> _service = OptionOf.Service(required: false, "A running inference service, used instead of starting one");
    private readonly AccessOptions _access = new();
    private readonly Option<string?> _trainerPath = OptionOf.Optional(
        "--trainer", "PATH", "Executable of the trainer; by default beside this program, in the build output, or on PATH");
    private readonly Option<string?> _servicePath = OptionOf.Optional(
        "--service-program", "PATH", "Executable of the inference service; searched like the trainer");
    private readonly Option<string?> _device = OptionOf.Optional("--device", "auto|cpu|cuda:N", "Device of the trainings");

    public RunCommand()
        : base("run", Help)
    {
        _device.AcceptOnlyFromAmong("cpu", "cuda");
        Arguments.Add(_file);
        Add([_variant, _plan, _from, _only, _runs, _service, _trainerPath, _servicePath, _device, .. _access.All]);
        Validators.Add(result =>
        {
            if (result.GetResult(_variant) is null && !result.GetValue(_plan))
            {
                result.AddError("Option '--variant' is required, e.g. --variant mini. With --plan it may be left out.");
            }

            if (result.GetResult(_from) is not null && result.GetResult(_only) is not null)
            {
                result.AddError("Give one of --from STAGE and --only STAGE.");
            }

            if (result.GetResult(_service) is null && _access.AreGivenTo(result))
            {
                string options = string.Join(", ", _access.All.Select(option => option.Name));
                result.AddError($"{options} are for a running service; name it with --service URL.");
            }
        });
    }

    protected internal override string AfterInterruption(ParseResult parsed) =>
        parsed.GetValue(_from) is null && parsed.GetValue(_only) is null
            ? Continues
            : "the command without --from and --only continues where this one stopped; with them, the stages that they name start again";

    protected override async Task WorkAsync(ParseResult parsed, Display display, CancellationToken cancel)
    {
        string? variant = parsed.GetValue(_variant);
        ExperimentRequest request = new(
            parsed.GetRequiredValue(_file), variant ?? "", parsed.GetRequiredValue(_runs), parsed.GetValue(_service),
            parsed.GetValue(_trainerPath), parsed.GetValue(_servicePath), parsed.GetValue(_device),
            parsed.GetValue(_service) is { } address ? _access.Read(parsed, address) : null)
        {
            Stages = new StageSelection(parsed.GetValue(_from), parsed.GetValue(_only)),
        };
        if (parsed.GetValue(_plan))
        {
            IReadOnlyList<ExperimentPlan> plans = ExperimentHost.Plan(
                request, variant is null ? null : [variant], display, TimeProvider.System);
            Result(parsed, plans, shown => Show(shown, plans));
        }
        else if (await ExperimentHost.RunAsync(request, display, TimeProvider.System, cancel) is { } summary)
        {
            Result(parsed, summary, shown => Show(shown, summary));
        }
        else
        {
            Result(
                parsed, new { Stage = request.Stages.Only }, shown => shown.Line(
                    $"{request.Stages.Only}: done. Run without --only to write summary and report; stages whose inputs changed run again."));
        }
    }

    private static void Show(Display shown, RunSummary summary)
    {
        if (summary.Policies.Count > 0)
        {
            shown.Table(
                ["policy", "beta", "reward [95 %]", "kl/seq_exact [95 %]", "kl/seq_k1 [95 %]", "prompts x samples"],
                summary.Policies.Select(Row));
        }

        shown.Line($"report: {summary.Report}");
    }

    private static void Show(Display shown, IReadOnlyList<ExperimentPlan> plans)
    {
        foreach (ExperimentPlan plan in plans)
        {
            shown.Line($"variant {plan.Variant}, in {plan.Run}: {plan.Description}");
            shown.Table(
                ["stage", "what", "inputs", "last time"],
                plan.Stages.Select(stage => (string[])
                    [
                    stage.Stage,
                    stage.What,
                    stage.Missing.Count == 0 ? "there" : $"missing: {string.Join(", ", stage.Missing)}",
                    stage.LastTime(),
                ]));
            foreach (string download in plan.Stages.SelectMany(stage => stage.Downloads).Distinct())
            {
                shown.Line($"fetch with: {download}");
            }

            shown.Line(plan.Seconds is { } seconds ? FormattableString.Invariant($"last time in all: {seconds:0.0} s") : "never run");
        }
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
