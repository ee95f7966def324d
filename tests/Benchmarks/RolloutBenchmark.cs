using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Rl;
using Rudder.Trainer.Runs;

namespace Rudder.Benchmarks;

/// <summary>
/// Compares the rollouts of <c>trainer reinforce</c> with the engine alone on the same prompts at the same width, and takes the weight
/// update's share of a step. Policy imdb-mini, reward sentiment-mini, 32 prompts of 10 tokens, 20 new tokens.
/// </summary>
internal static class RolloutBenchmark
{
    private const int Width = 32, PromptTokens = 10, NewTokens = 20;
    private const int WarmSteps = 2, Steps = 12, Rounds = 5;
    private const string Model = "policy";
    private const string Engine = "engine alone", Trainer = "rollouts of the trainer";

    /// <summary>Runs the benchmark.</summary>
    public static BenchmarkResult Run()
    {
        NativeEnvironment.Prepare();
        int threads = Math.Min(Environment.ProcessorCount, 2);
        string policy = BenchmarkModel.Exported("imdb-mini"), classifier = BenchmarkModel.Exported("sentiment-mini");
        string folder = Directory.CreateTempSubdirectory("rudder-bench-").FullName;
        try
        {
            string source = WriteReviews(Path.Combine(folder, "reviews.jsonl"), policy);
            ReinforceRecipe recipe = Recipe(Path.Combine(folder, "reviews.jsonl"), policy, classifier, threads);
            (Dictionary<string, List<double>> speeds, Dictionary<string, List<double>> shares) = MeasureAsync(recipe, folder).GetAwaiter().GetResult();
            return Summarize(speeds, shares, threads, source);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(Dictionary<string, List<double>> Speeds, Dictionary<string, List<double>> Shares)> MeasureAsync(ReinforceRecipe recipe, string folder)
    {
        Dictionary<string, List<double>> speeds = new() { [Trainer] = [], [Engine] = [] }, shares = [];
        RolloutPrompt[][] batches = [.. PromptReading.Read(recipe.Prompts, TextTokenizer.Load(recipe.Model!)!, int.MaxValue).Chunk(Width).Take(WarmSteps + Steps)];
        await using var engine = new EngineHost(new EngineOptions
        {
            Threads = recipe.Threads, MaxSlots = Width, MaxTokens = PromptTokens + NewTokens, MaxSequences = Width, MaxQueue = Width,
        });
        await engine.LoadAsync(new Rudder.Engine.ModelSource(Model, recipe.Model!));
        for (int round = 0; round < Rounds; round++)
        {
            JsonObject[] steps = Train(recipe with { Seed = round }, Path.Combine(folder, $"round-{round}"));
            speeds[Trainer].Add(Median.Of(steps.Select(step => (double)step["rollout/tokens_per_second"]!)));
            AddShares(shares, steps);
            speeds[Engine].Add(await DrawAsync(engine, batches));
        }

        return (speeds, shares);
    }

    /// <summary>Runs the recipe.</summary>
    /// <returns>The logged values of each step after the warm-up.</returns>
    private static JsonObject[] Train(ReinforceRecipe recipe, string output)
    {
        var request = new RunRequest { Command = "reinforce", Recipe = "reinforce.json", Output = output, Progress = TextWriter.Null, Results = TextWriter.Null };
        using var run = RunFolder.Open(request, "reinforce", recipe.Seed);
        Reinforce.Run(recipe, run, request);
        return [.. File.ReadLines(run.Metrics).Select(line => JsonNode.Parse(line)!.AsObject())
            .Where(line => (string?)line["split"] == "train").Skip(WarmSteps)];
    }

    /// <summary>Draws a completion of every prompt, a batch at a time.</summary>
    /// <returns>Tokens per second, the median over the batches after the warm-up.</returns>
    private static async Task<double> DrawAsync(EngineHost engine, RolloutPrompt[][] batches)
    {
        List<double> speeds = [];
        foreach ((int i, RolloutPrompt[] batch) in batches.Index())
        {
            var request = new GenerationRequest
            {
                Prompts = [.. batch.Select(prompt => new PromptContent { Ids = prompt.Ids })], MaxNewTokens = NewTokens, Seed = (ulong)i,
                Parameters = SamplingParameters.Plain,
            };
            long start = Stopwatch.GetTimestamp();
            IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn = await engine.GenerateAsync(Model, request);
            speeds.Add(drawn.Sum(samples => samples.Sum(sequence => sequence.Ids.Length)) / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return Median.Of(speeds.Skip(WarmSteps));
    }

    private static void AddShares(Dictionary<string, List<double>> shares, JsonObject[] steps)
    {
        var seconds = steps.SelectMany(step => step).Where(value => value.Key.StartsWith("time/", StringComparison.Ordinal))
            .GroupBy(value => value.Key["time/".Length..], value => (double)value.Value!).ToDictionary(part => part.Key, part => part.Sum());
        foreach ((string part, double sum) in seconds)
        {
            (shares.TryGetValue(part, out List<double>? rounds) ? rounds : shares[part] = []).Add(sum / seconds.Values.Sum());
        }
    }

    private static ReinforceRecipe Recipe(string reviews, string policy, string classifier, int threads) => RecipeReader.Parse<ReinforceRecipe>(
        JsonSerializer.Serialize(new
        {
            name = "bench", model = policy, threads, max_new_tokens = NewTokens, max_steps = WarmSteps + Steps, checkpoint_every = 0, evaluate_every = 0,
            prompts = new { files = new[] { reviews }, min_tokens = PromptTokens, max_tokens = PromptTokens },
            rewards = new[] { new { name = "sentiment", kind = "classifier", model = classifier } },
            batch = new { prompts = Width }, optimizer = new { learning_rate = 1e-5 }, schedule = new { name = "constant" }, export = new { fp32 = false },
        }),
        "the benchmark",
        []);

    /// <summary>Writes enough texts for all steps; those of the data set if it is there.</summary>
    /// <returns>Their source.</returns>
    private static string WriteReviews(string path, string model)
    {
        const int Count = (WarmSteps + Steps) * Width;
        (IReadOnlyList<string> texts, string source) = ReviewTexts.Take(Path.GetFullPath(Path.Combine(model, "..", "..", "..", "..")), Count);
        File.WriteAllLines(path, texts.Select((text, i) => JsonSerializer.Serialize(new { id = $"bench/{i}", text, label = 0 })));
        return source;
    }

    private static BenchmarkResult Summarize(Dictionary<string, List<double>> speeds, Dictionary<string, List<double>> shares, int threads, string source) => new(
        "rollouts",
        new Dictionary<string, double>
        {
            ["rollout_vs_engine"] = Median.Of(speeds[Trainer].Zip(speeds[Engine], (ours, alone) => ours / alone)),
            ["weight_update_share"] = Median.Of(shares["update_weights"]),
        },
        [
            .. speeds.Select(speed => new BenchmarkRow(speed.Key, new Dictionary<string, double>
            {
                ["tokens/s (median)"] = Median.Of(speed.Value), ["lowest"] = speed.Value.Min(), ["highest"] = speed.Value.Max(),
            })),
            .. shares.Select(part => new BenchmarkRow($"REINFORCE step: {part.Key}", new Dictionary<string, double> { ["share of the step (median)"] = Median.Of(part.Value) })),
        ],
        new Dictionary<string, object>
        {
            ["policy"] = "models/imdb-mini", ["reward"] = "models/sentiment-mini", ["prompts"] = source, ["width"] = Width, ["prompt tokens"] = PromptTokens,
            ["new tokens"] = NewTokens, ["threads"] = threads, ["rounds"] = Rounds, ["steps"] = Steps,
        });
}
