using System.CommandLine;
using Rudder.Client.Evaluation;
using Rudder.Client.Pairs;
using Rudder.Client.Rpc;

namespace Rudder.Client.Commands;

/// <summary><c>client evaluate</c>: reward and KL of one policy against its reference.</summary>
internal sealed class EvaluateCommand : ClientCommand
{
    private const string Help = """
        Draws completions from a policy (temperature 1, top_k 0, top_p 1), asks the service for rewards and for the KL against
        the reference, and writes means with 95 % intervals (bootstrap clustered by prompt) and five samples as one JSON file.
        Single completions go to FILE.samples.jsonl; after a kill the same command continues.

        Example:
          client evaluate --service http://127.0.0.1:5080 --policy beta-0.1 --reference imdb-mini --classifier sentiment-mini \
            --reviews ../shared/data/imdb.test.jsonl.gz --count 512 --samples 5 --output runs/beta-0.1.json
        """;

    private readonly Option<string> _policy = OptionOf.Required("--policy", "Name of the policy at the service");
    private readonly Option<string> _reference = OptionOf.Required("--reference", "Name of the frozen reference at the service");
    private readonly Option<string> _classifier = OptionOf.Required("--classifier", "Name of the classifier at the service");
    private readonly Option<string> _label = OptionOf.Default("--positive-label", "POSITIVE", "Label whose probability is the reward");
    private readonly Option<int> _samples = OptionOf.Default("--samples", 5, $"Completions of each prompt, 1 to {SamplingPlan.MaxSamples}");
    private readonly Option<int> _tokens = OptionOf.Default("--max-new-tokens", 48, "Tokens after the prompt at most");
    private readonly Option<ulong> _seed = OptionOf.Default("--seed", 0ul, "Seed of sampling and bootstrap");
    private readonly Option<int> _resamples = OptionOf.Default("--bootstrap", 2000, "Bootstrap resamples");
    private readonly Option<string> _output = OptionOf.Required("--output", "JSON file");
    private readonly ConnectionOptions _service = new();
    private readonly PromptOptions _prompts = new();

    public EvaluateCommand()
        : base("evaluate", Help)
    {
        Add([_policy, _reference, _classifier, _label, _samples, _tokens, _seed, _resamples, _output, .. _prompts.All, .. _service.All]);
        Validators.Add(_prompts.Check);
    }

    protected internal override string AfterInterruption(ParseResult parsed) => Continues;

    protected override async Task WorkAsync(ParseResult parsed, Display display, CancellationToken cancel)
    {
        (int batch, int inFlight) = _service.Load(parsed);
        EvaluationPlan plan = new(
            _prompts.Read(parsed), parsed.GetValue(_samples), parsed.GetValue(_tokens), parsed.GetValue(_resamples), batch, inFlight);
        EvaluationSettings settings = new(
            parsed.GetRequiredValue(_policy), parsed.GetRequiredValue(_reference), parsed.GetRequiredValue(_classifier), plan,
            parsed.GetValue(_seed), parsed.GetRequiredValue(_output), parsed.GetRequiredValue(_label));
        using InferenceClient client = _service.Open(parsed, display.Line);
        using ProgressDisplay progress = new(display, "evaluate", "prompts");
        EvaluationResult result = await new EvaluationJob(client, progress).RunAsync(settings, cancel);
        string reward = Interval.Text(result.RewardMean, result.RewardCi, "0.0000");
        string kl = Interval.Text(result.KlSeqExact, result.KlSeqExactCi, "0.000");
        Result(parsed, result, shown => shown.Line($"reward {reward}  kl/seq_exact {kl}  in {settings.Output}"));
    }
}
