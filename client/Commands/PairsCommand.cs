using System.CommandLine;
using Rudder.Client.Pairs;
using Rudder.Client.Processes;
using Rudder.Client.Rpc;

namespace Rudder.Client.Commands;

/// <summary><c>client pairs</c>: preference pairs from a running service.</summary>
internal static class PairsCommand
{
    private const string Help =
        """
        Draws completions of prompts, scores prompt and completion together with a classifier and writes every ordered pair
        as one JSON line of preference.v1.PreferencePair. Ties are dropped. After a kill the same command continues: no
        prompt is lost or written twice. FILE.settings.json keeps the settings; FILE appears when it is complete.

        Example:
          client pairs --service http://127.0.0.1:5080 --policy imdb-mini --classifier sentiment-mini \
            --reviews ../shared/data/imdb.train.jsonl.gz --count 1000 --samples 4 --output runs/pairs.jsonl
        """;

    /// <summary>The command with its options.</summary>
    public static Command Create()
    {
        Option<string> policy = new("--policy") { Description = "Name of the generator at the service", Required = true };
        Option<string> classifier = new("--classifier") { Description = "Name of the classifier at the service", Required = true };
        Option<string> label = new("--positive-label") { Description = "Label whose probability is the score", DefaultValueFactory = _ => "POSITIVE" };
        Option<int> samples = new("--samples") { Description = "Completions of each prompt, at least 2", DefaultValueFactory = _ => 4 };
        Option<int> tokens = new("--max-new-tokens") { Description = "Tokens after the prompt at most", DefaultValueFactory = _ => 48 };
        Option<uint> seed = new("--seed") { Description = "Each prompt's own seed follows from this and its id", DefaultValueFactory = _ => 0u };
        Option<float> temperature = new("--temperature") { Description = "Divides the logits; 0 is greedy", DefaultValueFactory = _ => 1f };
        Option<int> topK = new("--top-k") { Description = "Keeps the k most probable tokens; 0 keeps all", DefaultValueFactory = _ => 0 };
        Option<float> topP = new("--top-p") { Description = "Keeps the smallest set with this probability", DefaultValueFactory = _ => 1f };
        Option<float> minP = new("--min-p") { Description = "Keeps tokens of at least this share of the largest", DefaultValueFactory = _ => 0f };
        Option<string> output = new("--output") { Description = "File of JSON lines", HelpName = "FILE", Required = true };
        ServiceOptions service = new();
        PromptOptions prompts = new();
        Command command = new("pairs", Help) { policy, classifier, label, samples, tokens, seed, temperature, topK, topP, minP, output };
        prompts.AddTo(command);
        service.AddTo(command);
        command.SetAction((parsed, cancel) => CommandBody.RunAsync(parsed, async token =>
        {
            (int batch, int inFlight) = service.Load(parsed);
            SamplingPlan plan = new(
                parsed.GetValue(samples), parsed.GetValue(tokens), parsed.GetValue(seed), parsed.GetValue(temperature), parsed.GetValue(topK), parsed.GetValue(topP), parsed.GetValue(minP));
            PairsSettings settings = new(
                parsed.GetRequiredValue(policy), parsed.GetRequiredValue(classifier), prompts.Read(parsed), plan, parsed.GetRequiredValue(output), parsed.GetRequiredValue(label), batch, inFlight);
            using InferenceClient client = service.Open(parsed);
            PairsOutcome outcome = await new PairsJob(client, CommandBody.Progress(parsed, "pairs", "prompts")).RunAsync(settings, token).ConfigureAwait(false);
            parsed.InvocationConfiguration.Output.WriteLine($"{outcome.Pairs} pairs of {outcome.Prompts} prompts in {settings.Output}");
        }, cancel));
        return command;
    }
}
