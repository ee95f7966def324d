using System.CommandLine;
using Rudder.Client.Pairs;
using Rudder.Client.Rpc;

namespace Rudder.Client.Commands;

/// <summary><c>client pairs</c>: preference pairs from a running service.</summary>
internal sealed class PairsCommand : ClientCommand
{
    private const string Help = """
        Draws completions of prompts, scores prompt and completion together with a classifier and writes every ordered pair
        as one JSON line of preference.v1.PreferencePair: the strings prompt, chosen and rejected, which pandas, datasets and
        TRL read as they are, and beside them the exact ids, seeds and scores. Ties are dropped. After a kill the same command
        continues: no prompt is lost or written twice. FILE.settings.json keeps the settings; FILE appears when it is complete.

        Example:
          client pairs --service http://127.0.0.1:5080 --policy imdb-mini --classifier sentiment-mini \
            --reviews ../shared/data/imdb.train.jsonl.gz --count 1000 --samples 4 --output runs/pairs.jsonl
        """;

    private readonly Option<string> _policy = OptionOf.Required("--policy", "Name of the generator at the service");
    private readonly Option<string> _classifier = OptionOf.Required("--classifier", "Name of the classifier at the service");
    private readonly Option<string> _label = OptionOf.Default("--positive-label", "POSITIVE", "Label whose probability is the score");
    private readonly Option<int> _samples = OptionOf.Default("--samples", 4, $"Completions of each prompt, 2 to {SamplingPlan.MaxSamples}");
    private readonly Option<int> _tokens = OptionOf.Default("--max-new-tokens", 48, "Tokens after the prompt at most");
    private readonly Option<ulong> _seed = OptionOf.Default("--seed", 0ul, "Each prompt's own seed follows from this and its id");
    private readonly Option<float> _temperature = OptionOf.Default("--temperature", 1f, "Divides the logits; 0 is greedy");
    private readonly Option<int> _topK = OptionOf.Default("--top-k", 0, "Keeps the k most probable tokens; 0 keeps all");
    private readonly Option<float> _topP = OptionOf.Default("--top-p", 1f, "Keeps the smallest set with this probability");
    private readonly Option<float> _minP = OptionOf.Default("--min-p", 0f, "Keeps tokens of at least this share of the largest");
    private readonly Option<string> _output = OptionOf.Required("--output", "File of JSON lines");
    private readonly ConnectionOptions _service = new();
    private readonly PromptOptions _prompts = new();

    public PairsCommand()
        : base("pairs", Help)
    {
        Add([_policy, _classifier, _label, _samples, _tokens, _seed, _temperature, _topK, _topP, _minP, _output]);
        Add([.. _prompts.All, .. _service.All]);
        Validators.Add(_prompts.Check);
    }

    protected internal override string AfterInterruption(ParseResult parsed) => Continues;

    protected override async Task WorkAsync(ParseResult parsed, Display display, CancellationToken cancel)
    {
        (int batch, int inFlight) = _service.Load(parsed);
        SamplingPlan plan = new(
            parsed.GetValue(_samples), parsed.GetValue(_tokens), parsed.GetValue(_seed), parsed.GetValue(_temperature),
            parsed.GetValue(_topK), parsed.GetValue(_topP), parsed.GetValue(_minP));
        PairsSettings settings = new(
            parsed.GetRequiredValue(_policy), parsed.GetRequiredValue(_classifier), _prompts.Read(parsed), plan,
            parsed.GetRequiredValue(_output), parsed.GetRequiredValue(_label), batch, inFlight);
        using InferenceClient client = _service.Open(parsed, display.Line);
        using ProgressDisplay progress = new(display, "pairs", "prompts");
        PairsOutcome outcome = await new PairsJob(client, progress).RunAsync(settings, cancel);
        Result(parsed, outcome, shown => shown.Line($"{outcome.Pairs} pairs of {outcome.Prompts} prompts in {settings.Output}"));
    }
}
