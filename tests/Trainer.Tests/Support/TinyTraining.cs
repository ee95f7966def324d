using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using Rudder.Trainer.Tests.Data;

namespace Rudder.Trainer.Tests;

/// <summary>A small world to train in: made-up reviews, a tokenizer of 300 entries and recipes of a few steps.</summary>
internal sealed class TinyTraining : IDisposable
{
    private static readonly string[] Good = ["fine", "great", "lovely", "bright"];
    private static readonly string[] Bad = ["dull", "poor", "awful", "grey"];
    private static readonly string[] Plain = ["the", "film", "was", "and", "its", "story", "actor", "end"];
    private readonly TemporaryFolder _folder = new();

    /// <summary>Writes 24 labelled reviews and trains a tokenizer of each family on them.</summary>
    public TinyTraining()
    {
        var random = new Random(7);
        List<string> texts = [];
        using (var lines = new StreamWriter(Reviews))
        {
            for (int i = 0; i < 24; i++)
            {
                string[] mood = i % 2 == 0 ? Bad : Good;
                texts.Add(string.Join(' ', Enumerable.Range(0, 6 + (i % 9)).Select(_ => random.Next(2) == 0
                    ? mood[random.Next(4)]
                    : Plain[random.Next(8)])));
                lines.WriteLine(JsonSerializer.Serialize(new { id = $"train/{i}", text = texts[^1], label = i % 2 }));
            }
        }

        BpeTraining.Train(texts, 300, ["<|endoftext|>"], LanguageTokenizer, TokenizerFamily.Gpt2);
        BpeTraining.Train(texts, 300, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], ClassifierTokenizer, TokenizerFamily.Roberta);
    }

    /// <summary>The review file.</summary>
    public string Reviews => _folder.File("reviews.jsonl");

    /// <summary>Tokenizer folder of the language model.</summary>
    public string LanguageTokenizer => _folder.File("tokenizer-lm");

    /// <summary>Tokenizer folder of the classifier.</summary>
    public string ClassifierTokenizer => _folder.File("tokenizer-classifier");

    /// <summary>A path inside the world.</summary>
    public string File(string name) => _folder.File(name);

    /// <summary>A language-model recipe of 8 steps over 2 epochs, the last of each with one part instead of two, with dropout, evaluated and saved on the way.</summary>
    public SftRecipe Sft(params string[] sets) => RecipeReader.Parse<SftRecipe>(
        $$"""
        {
          "name": "tiny", "seed": 3, "threads": 1, "tokenizer": "{{LanguageTokenizer}}", "dropout": 0.2,
          "architecture": {"layers": 2, "heads": 2, "hidden_size": 16, "context": 16},
          "data": {"files": ["{{Reviews}}"], "mode": "reviews", "held_out": 4},
          "batch": {"sequences": 3, "accumulation": 2}, "optimizer": {"learning_rate": 0.01},
          "schedule": {"warmup_steps": 2}, "epochs": 2, "checkpoint_every": 4, "evaluate_every": 2, "export": {"fp32": false}
        }
        """,
        "tiny.json",
        sets);

    /// <summary>A classifier recipe of 6 steps over 3 epochs, with dropout and crops.</summary>
    public ClassifierRecipe Classifier(params string[] sets) => RecipeReader.Parse<ClassifierRecipe>(
        $$"""
        {
          "name": "tiny", "seed": 3, "threads": 1, "tokenizer": "{{ClassifierTokenizer}}", "dropout": 0.2,
          "architecture": {"layers": 2, "heads": 2, "hidden_size": 16, "context": 16},
          "data": {"files": ["{{Reviews}}"], "held_out": 4, "min_length": 3, "max_length": 8, "opening": 4},
          "batch": {"sequences": 5, "accumulation": 2}, "optimizer": {"learning_rate": 0.01},
          "schedule": {"name": "linear"}, "epochs": 3, "checkpoint_every": 4, "evaluate_every": 0, "export": {"fp32": false}
        }
        """,
        "tiny.json",
        sets);

    /// <summary>Trains a language model of a few steps and gives its folder: a policy to start from.</summary>
    public string Policy() => Train(Sft("evaluate_every=0"), "policy").Model;

    /// <summary>
    /// An on-policy recipe of 8 steps over 2 epochs, six prompts each. Its reward counts the letter e in a completion.
    /// </summary>
    /// <typeparam name="T">The recipe.</typeparam>
    /// <param name="policy">From <see cref="Policy"/>.</param>
    /// <param name="sets">Overrides.</param>
    public T OnPolicy<T>(string policy, params string[] sets)
        where T : OnPolicyRecipe => RecipeReader.Parse<T>(
        $$"""
        {
          "name": "tiny", "seed": 3, "threads": 1, "model": "{{policy}}", "prompts": {"files": ["{{Reviews}}"], "min_tokens": 2, "max_tokens": 3},
          "max_new_tokens": 8, "rewards": [{"name": "letter", "kind": "regex", "pattern": "e", "max_matches": 20}],
          "batch": {"prompts": 6}, "optimizer": {"learning_rate": 0.003, "weight_decay": 0},
          "schedule": {"name": "constant"}, "epochs": 2, "checkpoint_every": 0, "evaluate_every": 0, "export": {"fp32": false}
        }
        """,
        "tiny.json",
        sets);

    /// <summary>An on-policy recipe by its command.</summary>
    public OnPolicyRecipe OnPolicy(string command, string policy, params string[] sets) => command switch
    {
        "reinforce" => OnPolicy<ReinforceRecipe>(policy, sets),
        "rloo" => OnPolicy<RlooRecipe>(policy, sets),
        "grpo" => OnPolicy<GrpoRecipe>(policy, sets),
        "ppo" => OnPolicy<PpoRecipe>(policy, sets),
        "online-dpo" => OnPolicy<OnlineDpoRecipe>(policy, sets),
        _ => throw new ArgumentException($"'{command}' does not name an on-policy recipe.", nameof(command)),
    };

    /// <summary>A preference recipe of 6 steps over 2 epochs on random pairs and the fixture tiny-gpt2, saved and evaluated on the way.</summary>
    public PreferenceRecipe Preference(params string[] sets)
    {
        PreferencePairs.Write(File("pairs.jsonl"), SamplePairs.Random(6, 3, seed: 31));
        PreferencePairs.Write(File("held-out.jsonl"), SamplePairs.Random(2, 3, seed: 32, name: "held"));
        return RecipeReader.Parse<PreferenceRecipe>(
            $$"""
            {
              "name": "tiny", "seed": 3, "threads": 1, "model": "{{FixtureFiles.Folder("tiny-gpt2")}}", "pairs": "{{File("pairs.jsonl")}}",
              "evaluation_pairs": "{{File("held-out.jsonl")}}", "batch": {"groups": 2}, "optimizer": {"learning_rate": 0.001, "weight_decay": 0},
              "schedule": {"name": "constant"}, "epochs": 2, "checkpoint_every": 3, "evaluate_every": 2, "kl_prompts": 0, "export": {"fp32": false}
            }
            """,
            "tiny.json",
            sets);
    }

    /// <summary>A KTO recipe of 6 steps over 2 epochs, saved and evaluated on the way. Give it rows or pairs.</summary>
    public KtoRecipe Kto(params string[] sets) => RecipeReader.Parse<KtoRecipe>(
        $$"""
        {
          "name": "tiny", "seed": 3, "threads": 1, "model": "{{FixtureFiles.Folder("tiny-gpt2")}}", "batch": {"completions": 4},
          "optimizer": {"learning_rate": 0.001, "weight_decay": 0}, "schedule": {"name": "constant"}, "epochs": 2, "checkpoint_every": 3,
          "evaluate_every": 2, "kl_prompts": 0, "export": {"fp32": false}
        }
        """,
        "tiny.json",
        sets);

    /// <summary>A reward recipe of 6 steps over 2 epochs on random pairs and the fixture tiny-gpt2, saved and evaluated on the way.</summary>
    public RewardRecipe Reward(params string[] sets)
    {
        Preference(); // writes the pairs
        return RecipeReader.Parse<RewardRecipe>(
            $$"""
            {
              "name": "tiny", "seed": 3, "threads": 1, "model": "{{FixtureFiles.Folder("tiny-gpt2")}}", "pairs": "{{File("pairs.jsonl")}}",
              "evaluation_pairs": "{{File("held-out.jsonl")}}", "batch": {"groups": 2}, "optimizer": {"learning_rate": 0.001, "weight_decay": 0},
              "schedule": {"name": "constant"}, "epochs": 2, "checkpoint_every": 3, "evaluate_every": 2, "export": {"fp32": false}
            }
            """,
            "tiny.json",
            sets);
    }

    /// <summary>A request that writes to <paramref name="output"/>.</summary>
    public RunRequest Request(string output, bool stopAfterOneStep = false) => new()
    {
        Recipe = "tiny.json",
        Output = File(output),
        Stop = new CancellationToken(stopAfterOneStep),
        Progress = TextWriter.Null,
        Results = TextWriter.Null,
    };

    /// <summary>Trains without a break.</summary>
    public RunFolder Train(TrainingRecipe recipe, string output) => Train(recipe, Request(output));

    /// <summary>Trains without a break, with another clock or console.</summary>
    public RunFolder Train(TrainingRecipe recipe, RunRequest request)
    {
        using var run = RunFolder.Open(request, "tiny", recipe.Seed);
        Start(recipe, run, request);
        return run;
    }

    /// <summary>Resumes a run, to its end.</summary>
    public void Resume(TrainingRecipe recipe, string output)
    {
        RunRequest request = Request(output) with { Output = null, Resume = File(output) };
        using var run = RunFolder.Open(request, "tiny", recipe.Seed);
        Start(recipe, run, request);
    }

    /// <summary>Trains with a stop after every single step, resuming each time.</summary>
    public RunFolder TrainInterrupted(TrainingRecipe recipe, string output, out int stops)
    {
        stops = 0;
        RunRequest request = Request(output, stopAfterOneStep: true);
        while (true)
        {
            using var run = RunFolder.Open(request, "tiny", recipe.Seed);
            try
            {
                Start(recipe, run, request);
                return run;
            }
            catch (InterruptedException)
            {
                stops++;
                request = request with { Output = null, Resume = run.Path };
            }
        }
    }

    /// <summary>One metric of each training step.</summary>
    public static double[] Values(RunFolder run, string metric) =>
        [.. Logged(run, metric).Select(line => double.Parse(line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture))];

    /// <summary>One metric of each training step, as the log's own text, so that equality means every bit.</summary>
    public static string[] Logged(RunFolder run, string metric) =>
        [.. from line in System.IO.File.ReadLines(run.Metrics)
            let json = JsonNode.Parse(line)!
            where (string)json["split"]! == "train"
            select $"{json["step"]}: {json[metric]!.ToJsonString()}"];

    /// <inheritdoc/>
    public void Dispose() => _folder.Dispose();

    private static void Start(TrainingRecipe recipe, RunFolder run, RunRequest request)
    {
        switch (recipe)
        {
            case SftRecipe sft:
                Rudder.Trainer.Recipes.Sft.Run(sft, run, request);
                break;
            case ClassifierRecipe classifier:
                Rudder.Trainer.Recipes.Classifier.Run(classifier, run, request);
                break;
            case PreferenceRecipe preference:
                Rudder.Trainer.Recipes.Preference.Run(preference, run, request);
                break;
            case KtoRecipe kto:
                Rudder.Trainer.Recipes.KtoTraining.Run(kto, run, request);
                break;
            case RewardRecipe reward:
                Rudder.Trainer.Recipes.RewardTraining.Run(reward, run, request);
                break;
            case ReinforceRecipe reinforce:
                Rudder.Trainer.Recipes.Reinforce.Run(reinforce, run, request);
                break;
            case RlooRecipe rloo:
                Rudder.Trainer.Recipes.Rloo.Run(rloo, run, request);
                break;
            case GrpoRecipe grpo:
                Rudder.Trainer.Recipes.Grpo.Run(grpo, run, request);
                break;
            case PpoRecipe ppo:
                Rudder.Trainer.Recipes.Ppo.Run(ppo, run, request);
                break;
            case OnlineDpoRecipe online:
                Rudder.Trainer.Recipes.OnlineDpo.Run(online, run, request);
                break;
            default:
                throw new ArgumentException($"{recipe.GetType().Name} is not trained here.", nameof(recipe));
        }
    }
}
