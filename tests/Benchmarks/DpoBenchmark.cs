using System.Diagnostics;
using Rudder.Checkpoints;
using Rudder.Trainer.Architectures.Gpt2;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using static TorchSharp.torch;

namespace Rudder.Benchmarks;

/// <summary>Compares a DPO step on a group batch with the same step on a pair batch: same prompts, pairs and loss.</summary>
internal static class DpoBenchmark
{
    // imdb-mini's shape; prompts of 2 to 8 tokens, 4 completions of 48, all 6 pairs.
    private const int Layers = 4, Width = 256, Heads = 4, Vocabulary = 8192, Context = 256;
    private const int GroupsPerStep = 8, Samples = 4, CompletionTokens = 48;
    private const int Rounds = 11, StepsPerTurn = 2;

    /// <summary>Runs the benchmark.</summary>
    public static BenchmarkResult Run()
    {
        int threads = Math.Min(Environment.ProcessorCount, 2);
        set_num_threads(threads);
        manual_seed(0);
        PreferenceData data = new([.. Groups(new Random(0))]);
        ScoredPairs pairs = new(data, new ScoredReference(new float[data.Completions]), null);
        using var model = new Gpt2Model(
            new Gpt2Config { Layers = Layers, HiddenSize = Width, Heads = Heads, VocabularySize = Vocabulary, Context = Context }, 0, CPU);
        IReadOnlyList<NamedParameter> trainable = NamedParameters.Trainable(model.Parameters);
        using var optimizer = new AdamW(trainable, 0.9, 0.999, 1e-8, _ => 0);
        Dictionary<string, List<double>> speeds = new() { ["group"] = [], ["pair"] = [] };
        for (int round = -1; round < Rounds; round++)
        {
            foreach (string mode in speeds.Keys)
            {
                double speed = GroupsPerStep * StepsPerTurn / Seconds(mode, model, trainable, optimizer, pairs);
                if (round >= 0) // the first round warms up
                {
                    speeds[mode].Add(speed);
                }
            }
        }

        return Summarize(speeds, threads);
    }

    private static IEnumerable<PreferenceGroup> Groups(Random random)
    {
        (int, int)[] pairs = [.. Enumerable.Range(0, Samples).SelectMany(w => Enumerable.Range(w + 1, Samples - w - 1).Select(l => (w, l)))];
        int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(Vocabulary))];
        for (int g = 0; g < GroupsPerStep; g++)
        {
            int first = g * Samples;
            GroupCompletion[] completions = [.. Enumerable.Range(0, Samples).Select(s => new GroupCompletion(first + s, s, Ids(CompletionTokens)))];
            yield return new PreferenceGroup($"p{g}", Ids(random.Next(2, 9)), completions, pairs);
        }
    }

    /// <summary>The step of Recipes/Preference.cs, a few times.</summary>
    private static double Seconds(string mode, ILanguageModel model, IReadOnlyList<NamedParameter> trainable, AdamW optimizer, ScoredPairs pairs)
    {
        PreferenceRecipe recipe = new() { Batch = new PreferenceBatchSettings { Mode = mode, Groups = GroupsPerStep } };
        long start = Stopwatch.GetTimestamp();
        for (int step = 0; step < StepsPerTurn; step++)
        {
            model.zero_grad();
            PreferenceMetrics metrics = Rudder.Trainer.Recipes.Preference.Accumulate(Ranks.One, recipe, recipe.BindLoss(), model, pairs, [pairs.Data.Groups]);
            double norm = GradientNorm.Of(trainable);
            if (!double.IsFinite(metrics.Loss + norm) || metrics.Pairs != pairs.Data.Pairs)
            {
                throw new InvalidOperationException(
                    $"loss {metrics.Loss} and gradient norm {norm} must be finite, and {metrics.Pairs} pairs must be {pairs.Data.Pairs}. The benchmark does not measure a real step.");
            }

            optimizer.Step(1e-6, GradientNorm.ClipScale(norm, 1));
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static BenchmarkResult Summarize(Dictionary<string, List<double>> speeds, int threads) => new(
        "dpo",
        // Ratios within a round: both runners met the same load of the machine.
        new Dictionary<string, double> { ["dpo_group_vs_pairs"] = Median.Of(speeds["group"].Zip(speeds["pair"], (group, pair) => group / pair)) },
        [.. speeds.Select(s => new BenchmarkRow($"{s.Key} batch", new Dictionary<string, double>
        {
            ["prompts/s (median)"] = Median.Of(s.Value), ["lowest"] = s.Value.Min(), ["highest"] = s.Value.Max(),
        }))],
        new Dictionary<string, object>
        {
            ["layers"] = Layers, ["width"] = Width, ["heads"] = Heads, ["vocabulary"] = Vocabulary, ["prompts per step"] = GroupsPerStep,
            ["completions"] = Samples, ["pairs per prompt"] = Samples * (Samples - 1) / 2, ["completion tokens"] = CompletionTokens,
            ["threads"] = threads, ["rounds"] = Rounds, ["steps per round"] = StepsPerTurn,
        });
}
