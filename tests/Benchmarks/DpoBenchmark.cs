using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
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

/// <summary>
/// Compares DPO on group batches with the same steps on pair batches, in the trainer and in Python's torch: same prompts, pairs and loss.
/// </summary>
/// <remarks>
/// The trainer scores the reference once, each completion once; Python runs the reference in each step. A round is one epoch, so the end-to-end
/// time of the trainer is its reference pass and its steps.
/// </remarks>
internal static class DpoBenchmark
{
    // imdb-mini's shape; prompts of 2 to 8 tokens, 4 completions of 48, all 6 pairs.
    private const int Layers = 4, Width = 256, Heads = 4, Vocabulary = 8192, Context = 256;
    private const int GroupsPerStep = 8, Samples = 4, CompletionTokens = 48, RowsPerPass = 32;
    private const int Rounds = 11, Steps = 2;
    private const string Group = "group batch", Pair = "pair batch", Python = "Python, pairs with the reference's forward", Whole = "group batch, reference pass included";

    /// <summary>Runs the benchmark.</summary>
    public static BenchmarkResult Run()
    {
        int threads = Math.Min(Environment.ProcessorCount, 2);
        set_num_threads(threads);
        manual_seed(0);
        PreferenceData data = new([.. Groups(new Random(0))]);
        using var model = new Gpt2Model(
            new Gpt2Config { Layers = Layers, HiddenSize = Width, Heads = Heads, VocabularySize = Vocabulary, Context = Context }, 0, CPU);
        IReadOnlyList<NamedParameter> trainable = NamedParameters.Trainable(model.Parameters);
        using var optimizer = new AdamW(trainable, 0.9, 0.999, 1e-8, _ => 0);
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, JsonSerializer.Serialize(data.Groups.Chunk(GroupsPerStep).Select(step => step.SelectMany(Pairs))));
            using var python = new PythonPeer("dpo_step.py", hugePages: false, Arguments(threads, file));
            return Summarize(Measure(new Trained(model, trainable, optimizer, data), python), threads);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string[] Arguments(int threads, string file) =>
    [
        .. new[] { Layers, Width, Heads, Vocabulary, Context, threads }.Select(n => n.ToString(CultureInfo.InvariantCulture)),
        new PreferenceRecipe().BindLoss().Beta.ToString(CultureInfo.InvariantCulture), file,
    ];

    private static Dictionary<string, List<double>> Measure(Trained trained, PythonPeer python)
    {
        Dictionary<string, List<double>> seconds = new() { [Group] = [], [Pair] = [], [Python] = [], [Whole] = [] };
        for (int round = -1; round < Rounds; round++)
        {
            float[] reference = [];
            double pass = Seconds(() => reference = Score(trained));
            double group = Seconds(() => Epoch("group", trained, reference)), pair = Seconds(() => Epoch("pair", trained, reference));
            double peer = python.Run(Steps).Wall;
            if (round >= 0) // the first round warms up
            {
                seconds[Group].Add(group);
                seconds[Pair].Add(pair);
                seconds[Python].Add(peer);
                seconds[Whole].Add(pass + group);
            }
        }

        return seconds;
    }

    private static double Seconds(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static IEnumerable<PreferenceGroup> Groups(Random random)
    {
        (int, int)[] pairs = [.. Enumerable.Range(0, Samples).SelectMany(w => Enumerable.Range(w + 1, Samples - w - 1).Select(l => (w, l)))];
        int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(Vocabulary))];
        for (int g = 0; g < GroupsPerStep * Steps; g++)
        {
            int first = g * Samples;
            GroupCompletion[] completions = [.. Enumerable.Range(0, Samples).Select(s => new GroupCompletion(first + s, s, Ids(CompletionTokens)))];
            yield return new PreferenceGroup($"p{g}", Ids(random.Next(2, 9)), completions, pairs);
        }
    }

    /// <summary>The pairs as the Python script reads them: prompt, chosen, rejected.</summary>
    private static IEnumerable<int[][]> Pairs(PreferenceGroup group) => group.Pairs.Select(pair =>
        new[] { group.PromptIds, group.Completions[pair.Chosen].Ids, group.Completions[pair.Rejected].Ids });

    /// <summary>The reference pass of Recipes/ReferenceLogProbs.cs. The policy stands for its equally large reference.</summary>
    private static float[] Score(Trained trained)
    {
        trained.Model.eval();
        float[] values = CompletionLogProbs.ScoreAll(
            trained.Model, [.. trained.Data.Groups.SelectMany(group => group.Completions.Select(completion => (group, completion)))], RowsPerPass);
        trained.Model.train();
        return values;
    }

    /// <summary>The steps of Recipes/Preference.cs over all groups.</summary>
    private static void Epoch(string mode, Trained trained, float[] reference)
    {
        PreferenceRecipe recipe = new() { Batch = new PreferenceBatchSettings { Mode = mode, Groups = GroupsPerStep } };
        ScoredPairs pairs = new(trained.Data, new ScoredReference(reference), null);
        foreach (PreferenceGroup[] groups in trained.Data.Groups.Chunk(GroupsPerStep))
        {
            trained.Model.zero_grad();
            PreferenceMetrics metrics = Rudder.Trainer.Recipes.Preference.Accumulate(Ranks.One, recipe, recipe.BindLoss(), trained.Model, pairs, [groups]);
            double norm = GradientNorm.Of(trained.Trainable);
            int expected = groups.Sum(group => group.Pairs.Count);
            if (!double.IsFinite(metrics.Loss + norm) || metrics.Pairs != expected)
            {
                throw new InvalidOperationException(
                    $"loss {metrics.Loss} and gradient norm {norm} must be finite, and {metrics.Pairs} pairs must be {expected}. The benchmark does not measure a real step.");
            }

            trained.Optimizer.Step(1e-6, GradientNorm.ClipScale(norm, 1));
        }
    }

    private static BenchmarkResult Summarize(Dictionary<string, List<double>> seconds, int threads)
    {
        return new BenchmarkResult(
            "dpo",
            new Dictionary<string, double>
            {
                ["dpo_group_vs_pairs"] = Ratio(Pair, Group),
                ["dpo_group_vs_python_pairs"] = Ratio(Python, Group),
                ["dpo_group_vs_python_pairs_end_to_end"] = Ratio(Python, Whole),
            },
            [.. seconds.Select(s => new BenchmarkRow($"dpo: {s.Key}", new Dictionary<string, double>
            {
                ["prompts/s (median)"] = Median.Of(s.Value.Select(Speed)), ["lowest"] = Speed(s.Value.Max()), ["highest"] = Speed(s.Value.Min()),
            }))],
            new Dictionary<string, object>
            {
                ["layers"] = Layers, ["width"] = Width, ["heads"] = Heads, ["vocabulary"] = Vocabulary, ["prompts per step"] = GroupsPerStep,
                ["completions"] = Samples, ["pairs per prompt"] = Samples * (Samples - 1) / 2, ["completion tokens"] = CompletionTokens,
                ["threads"] = threads, ["rounds"] = Rounds, ["steps per round"] = Steps,
            });

        // Ratios within a round: both runners met the same load of the machine.
        double Ratio(string slow, string fast) => Median.Of(seconds[slow].Zip(seconds[fast], (theirs, ours) => theirs / ours));

        static double Speed(double time) => GroupsPerStep * Steps / time;
    }

    /// <summary>What the trainer's steps work with.</summary>
    private sealed record Trained(ILanguageModel Model, IReadOnlyList<NamedParameter> Trainable, AdamW Optimizer, PreferenceData Data);
}
