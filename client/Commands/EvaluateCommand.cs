using System.CommandLine;
using Rudder.Client.Evaluation;
using Rudder.Client.Rpc;

namespace Rudder.Client.Commands;

/// <summary><c>client evaluate</c>: reward and KL of one policy against its reference.</summary>
internal static class EvaluateCommand
{
    private const string Help =
        """
        Draws completions from a policy (temperature 1, top_k 0, top_p 1), asks the service for rewards and for the KL against
        the reference, and writes means with 95 % intervals (bootstrap clustered by prompt) and five samples as one JSON file.
        Single completions go to FILE.samples.jsonl; after a kill the same command continues.

        Example:
          client evaluate --service http://127.0.0.1:5080 --policy beta-0.1 --reference imdb-mini --classifier sentiment-mini \
            --reviews ../shared/data/imdb.test.jsonl.gz --count 512 --samples 5 --output runs/beta-0.1.json
        """;

    /// <summary>The command with its options.</summary>
    public static Command Create()
    {
        Option<string> policy = new("--policy") { Description = "Name of the policy at the service", Required = true };
        Option<string> reference = new("--reference") { Description = "Name of the frozen reference at the service", Required = true };
        Option<string> classifier = new("--classifier") { Description = "Name of the classifier at the service", Required = true };
        Option<string> label = new("--positive-label") { Description = "Label whose probability is the reward", DefaultValueFactory = _ => "POSITIVE" };
        Option<int> samples = new("--samples") { Description = "Completions of each prompt", DefaultValueFactory = _ => 5 };
        Option<int> tokens = new("--max-new-tokens") { Description = "Tokens after the prompt at most", DefaultValueFactory = _ => 48 };
        Option<uint> seed = new("--seed") { Description = "Seed of sampling and bootstrap", DefaultValueFactory = _ => 0u };
        Option<int> resamples = new("--bootstrap") { Description = "Bootstrap resamples", DefaultValueFactory = _ => 2000 };
        Option<string> output = new("--output") { Description = "JSON file", HelpName = "FILE", Required = true };
        ServiceOptions service = new();
        PromptOptions prompts = new();
        Command command = new("evaluate", Help) { policy, reference, classifier, label, samples, tokens, seed, resamples, output };
        prompts.AddTo(command);
        service.AddTo(command);
        command.SetAction((parsed, cancel) => CommandBody.RunAsync(parsed, async token =>
        {
            (int batch, int inFlight) = service.Load(parsed);
            EvaluationSettings settings = new(
                parsed.GetRequiredValue(policy),
                parsed.GetRequiredValue(reference),
                parsed.GetRequiredValue(classifier),
                prompts.Read(parsed),
                parsed.GetValue(samples),
                parsed.GetValue(tokens),
                parsed.GetValue(seed),
                parsed.GetRequiredValue(output),
                parsed.GetValue(resamples),
                parsed.GetRequiredValue(label),
                batch,
                inFlight);
            using InferenceClient client = service.Open(parsed);
            EvaluationResult result = await new EvaluationJob(client, CommandBody.Progress(parsed, "evaluate", "prompts")).RunAsync(settings, token).ConfigureAwait(false);
            parsed.InvocationConfiguration.Output.WriteLine(
                $"reward {result.RewardMean:0.0000} [{result.RewardCi[0]:0.0000}, {result.RewardCi[1]:0.0000}]  kl/seq_exact {result.KlSeqExact:0.000} [{result.KlSeqExactCi[0]:0.000}, {result.KlSeqExactCi[1]:0.000}]  in {settings.Output}");
        }, cancel));
        return command;
    }
}
