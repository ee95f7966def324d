using System.Text.Json;
using Rudder.Datasets;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using Rudder.Trainer.Tests.Data;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary><c>trainer dpo</c> through the program's own entry, on the tiny GPT-2 and pairs written here.</summary>
public sealed class PreferenceCommandTests : IDisposable
{
    private static readonly string Model = Path.Combine(Rudder.Tests.SharedFolder.Root, "tests", "Fixtures", "tiny-gpt2");
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-dpo").FullName;
    private readonly string _pairs;
    private readonly string _recipe;

    public PreferenceCommandTests()
    {
        _pairs = Path.Combine(_folder, "pairs.jsonl");
        _recipe = Path.Combine(_folder, "dpo.json");
        PreferencePairs.Write(_pairs, SamplePairs.Random(10, 4, seed: 21));
        File.WriteAllText(_recipe, $$"""
            {
              "name": "tiny-dpo", "model": "{{Model}}", "pairs": "{{_pairs}}", "beta": 0.1, "threads": 1, "seed": 3, "epochs": 3,
              "batch": { "groups": 4 }, "optimizer": { "learning_rate": 0.001, "weight_decay": 0 }, "schedule": { "name": "constant" },
              "export": { "fp32": false }
            }
            """);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Dpo_TinyModel_StartsAtLn2AndLearnsThePairs()
    {
        string held = Path.Combine(_folder, "held-out.jsonl");
        PreferencePairs.Write(held, SamplePairs.Random(2, 3, seed: 22, name: "held"));
        Assert.Equal(0, Trainer("--output", Run("a"), "--set", $"evaluation_pairs={held}"));

        JsonElement[] lines = Metrics("a");
        JsonElement[] train = [.. lines.Where(line => line.GetProperty("split").GetString() == "train")];
        Assert.Equal(9, train.Length); // 10 prompts, 4 a step, 3 epochs
        Assert.Equal(Math.Log(2), train[0].GetProperty("loss").GetDouble(), 1e-6);
        Assert.Equal(0, train[0].GetProperty("rewards/margins").GetDouble(), 1e-5);
        Assert.True(train[^1].GetProperty("loss").GetDouble() < 0.6);
        Assert.True(train[^1].GetProperty("rewards/margins").GetDouble() > 0.1);
        Assert.True(train[^1].GetProperty("rewards/accuracies").GetDouble() > 0.8);
        string[] names = ["loss", "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected",
            "grad_norm", "learning_rate", "tokens_per_second", "num_tokens", "epoch"];
        Assert.All(names, name => Assert.Equal(JsonValueKind.Number, train[0].GetProperty(name).ValueKind));
        JsonElement evaluation = Assert.Single(lines, line => line.GetProperty("split").GetString() == "eval");
        Assert.Equal(9, evaluation.GetProperty("step").GetInt32());

        JsonElement done = JsonDocument.Parse(File.ReadAllText(Path.Combine(Run("a"), "done.json"))).RootElement;
        Assert.Equal("model", done.GetProperty("model").GetString());
        Assert.Equal(evaluation.GetProperty("loss").GetDouble(), done.GetProperty("final").GetProperty("eval/loss").GetDouble());
        Assert.Equal(train[^1].GetProperty("rewards/margins").GetDouble(), done.GetProperty("final").GetProperty("train/rewards/margins").GetDouble());
        Assert.True(File.Exists(Path.Combine(Run("a"), "model", "model.safetensors")));
    }

    [Fact]
    public void Dpo_InterruptedAndResumed_GivesTheUninterruptedLossesAndWeightsBitForBit()
    {
        string[] dropout = ["--set", "dropout=0.1", "--set", "batch.accumulation=2", "--set", "batch.groups=2"];
        Assert.Equal(0, Trainer(["--output", Run("whole"), .. dropout]));
        InterruptAfterFirstEpochStep(dropout);
        Assert.False(File.Exists(Path.Combine(Run("cut"), "done.json")));
        Assert.Equal(0, Trainer(["--resume", Run("cut"), .. dropout]));

        JsonElement[] whole = Metrics("whole");
        JsonElement[] resumed = Metrics("cut");
        Assert.Equal(9, whole.Length);
        Assert.Equal(whole.Length, resumed.Length);
        foreach (string name in new[] { "loss", "grad_norm", "learning_rate", "rewards/margins", "logps/chosen", "num_tokens", "epoch" })
        {
            Assert.Equal(whole.Select(line => line.GetProperty(name).GetRawText()), resumed.Select(line => line.GetProperty(name).GetRawText()));
        }

        Assert.Equal(Weights("whole"), Weights("cut"));
    }

    [Fact]
    public void Dpo_ResumeWithoutRecipe_TakesTheRunsOwn()
    {
        InterruptAfterFirstEpochStep([]);
        Assert.Equal(0, Program("dpo", "--resume", Run("cut")).Code);
        Assert.True(File.Exists(Path.Combine(Run("cut"), "done.json")));
        Assert.Contains($"`trainer dpo --recipe {_recipe}`", Card("cut"), StringComparison.Ordinal); // as it was begun, not as it was resumed
    }

    [Fact]
    public void Dpo_ResumeWithTheReferenceReplaced_ExitsWith2NamingIt()
    {
        string reference = Directory.CreateDirectory(Run("reference")).FullName;
        string weights = Path.Combine(reference, "model.safetensors");
        File.Copy(Path.Combine(Model, "config.json"), Path.Combine(reference, "config.json"));
        byte[] bytes = File.ReadAllBytes(Path.Combine(Model, "model.safetensors"));
        File.WriteAllBytes(weights, bytes);
        InterruptAfterFirstEpochStep(["--set", $"reference={reference}"]);
        bytes[^4] ^= 1;                                           // the last bit of the last weight
        File.WriteAllBytes(weights, bytes);

        (int code, string told) = Program("dpo", "--resume", Run("cut"));

        Assert.Equal(2, code);
        Assert.Contains($"reference in {reference} changed", told, StringComparison.Ordinal);
    }

    [Fact]
    public void Dpo_PairsInAFolderNamedLikeTheRun_StandInTheCardsCommand()
    {
        string other = Path.Combine(Directory.CreateDirectory(Run("run-pairs")).FullName, "p.jsonl");
        File.Copy(_pairs, other);
        Assert.Equal(0, Trainer("--output", Run("run"), "--set", $"pairs={other}", "--set", "max_steps=1"));
        Assert.Contains($"`trainer dpo --recipe {_recipe} --set pairs={other} --set max_steps=1`", Card("run"), StringComparison.Ordinal);
    }

    [Fact]
    public void Dpo_OutputWithTrailingSlash_KeepsTheCacheBesideTheRun()
    {
        Assert.Equal(0, Trainer("--output", Run("a") + "/", "--set", "max_steps=1"));
        Assert.Single(Directory.GetFiles(Path.Combine(_folder, "reference-cache")));
        Assert.False(Directory.Exists(Path.Combine(Run("a"), "reference-cache")));
    }

    [Fact]
    public void Dpo_NeitherRecipeNorResume_IsAUsageError() => Assert.Equal(1, Program("dpo").Code);

    [Fact]
    public void Dpo_MistypedFlag_IsAUsageErrorThatSuggestsIt()
    {
        (int code, string told) = Program("dpo", "--recipe", _recipe, "--outptu", Run("a"));
        Assert.Equal(1, code);
        Assert.Contains("--output", told, StringComparison.Ordinal);
    }

    [Fact]
    public void Dpo_Help_IsNoError() => Assert.Equal(0, Program("dpo", "--help").Code);

    [Fact]
    public void Dpo_GroupAndPairMode_GiveTheSameLosses()
    {
        Assert.Equal(0, Trainer("--output", Run("group")));
        Assert.Equal(0, Trainer("--output", Run("pair"), "--set", "batch.mode=pair"));
        foreach ((JsonElement group, JsonElement pair) in Metrics("group").Zip(Metrics("pair")))
        {
            Assert.Equal(group.GetProperty("loss").GetDouble(), pair.GetProperty("loss").GetDouble(), 1e-4); // AdamW divides by tiny averages
            Assert.True(pair.GetProperty("num_tokens").GetInt64() > 2.5 * group.GetProperty("num_tokens").GetInt64());
        }
    }

    [Fact]
    public void Dpo_SecondBeta_TakesReferenceLogProbsFromTheCache()
    {
        Assert.Equal(0, Trainer("--output", Run("a"), "--set", "max_steps=1"));
        string cache = Assert.Single(Directory.GetFiles(Path.Combine(_folder, "reference-cache")));
        (int code, string told) = Told("--output", Run("b"), "--set", "max_steps=1", "--set", "beta=0.5");
        Assert.Equal(0, code);
        Assert.Contains($"taken from {cache}", told, StringComparison.Ordinal);

        byte[] bytes = File.ReadAllBytes(cache);
        File.WriteAllBytes(cache, bytes[..^1]);
        (code, told) = Told("--output", Run("c"), "--set", "max_steps=1");
        Assert.Equal(0, code);
        Assert.Contains($"{cache} is not used", told, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(cache));
    }

    [Theory]
    [InlineData("kto")]
    [InlineData("simpo")]
    [InlineData("orpo")]
    [InlineData("ipo")]
    public void Dpo_OtherLosses_TrainToLowerLoss(string loss)
    {
        Assert.Equal(0, Trainer("--output", Run(loss), "--set", $"loss={loss}"));
        JsonElement[] lines = Metrics(loss);
        Assert.True(lines[^1].GetProperty("loss").GetDouble() < lines[0].GetProperty("loss").GetDouble());
    }

    [Theory]
    [InlineData("simpo")]
    [InlineData("orpo")]
    [InlineData("dpo-reference-free")]
    public void Dpo_LossWithoutReference_ScoresNone(string loss)
    {
        Assert.Equal(0, Trainer("--output", Run(loss), "--set", $"loss={loss}", "--set", "max_steps=1"));
        Assert.False(Directory.Exists(Path.Combine(_folder, "reference-cache")));
        JsonElement line = Assert.Single(Metrics(loss));
        Assert.Equal(JsonValueKind.Number, line.GetProperty("logps/accuracies").ValueKind);
        Assert.False(line.TryGetProperty("rewards/margins", out _));
    }

    [Fact]
    public void Dpo_LossNotANumber_StopsWithStepLossAndBatch()
    {
        (int code, string told) = Told("--output", Run("nan"), "--set", "loss=ipo", "--set", "beta=1e-30"); // (1/2β)² overflows float32
        Assert.Equal(3, code);
        Assert.Matches(@"Step 1 gave loss Infinity.*batch: p\d, p\d, p\d, p\d\.", told);
        Assert.False(File.Exists(Path.Combine(Run("nan"), "done.json")));
    }

    [Fact]
    public void Dpo_ExportFailed_ResumesToTheSummaryOfARunWithoutABreak()
    {
        Assert.Equal(0, Trainer("--output", Run("whole")));
        Assert.NotEqual(0, Trainer("--output", Run("cut"), "--set", "export.fp32=true", "--set", "export.texts=no-such-file"));
        Assert.Equal(0, Program("dpo", "--resume", Run("cut"), "--set", "export.fp32=false").Code);
        Assert.Equal(Final("whole"), Final("cut"));

        string[] Final(string run) =>
            [.. JsonDocument.Parse(File.ReadAllText(Path.Combine(Run(run), "done.json"))).RootElement.GetProperty("final").EnumerateObject()
                .Where(value => value.Name != "seconds").Select(value => value.ToString())];
    }

    [Fact]
    public void Dpo_OverLengthTruncate_ReportsTheCutsInMetricsAndSummary()
    {
        int[] prompt = [.. Enumerable.Range(1, 40)], chosen = [.. Enumerable.Range(1, 12)], rejected = [.. Enumerable.Range(2, 12)];
        PreferencePairs.Write(_pairs, [SamplePairs.Pair("long", prompt, (0, chosen), (1, rejected)), SamplePairs.Pair("short", [1], (0, [2]), (1, [3]))]);
        Assert.Equal(0, Trainer("--output", Run("cut"), "--set", "over_length=truncate", "--set", "max_length=32", "--set", "max_steps=1"));

        JsonElement data = Metrics("cut")[0];
        JsonElement final = JsonDocument.Parse(File.ReadAllText(Path.Combine(Run("cut"), "done.json"))).RootElement.GetProperty("final");

        Assert.Equal("data", data.GetProperty("split").GetString());
        foreach ((string name, int count) in new[] { ("truncated_prompts", 1), ("truncated_completions", 0), ("dropped_pairs", 0) })
        {
            Assert.Equal(count, data.GetProperty(name).GetInt32());
            Assert.Equal(count, final.GetProperty("data/" + name).GetInt32());
        }
    }

    [Theory]
    [InlineData("loss=ppo", "Known losses are aot, aot-unpaired, apo-down")]
    [InlineData("loss=simop", "Did you mean 'simpo'?")]
    [InlineData("betta=1", "Did you mean 'beta'?")]
    [InlineData("beta=0", "beta is 0")]
    [InlineData("max_length=65", "max_length is 65; the model's context is 64")]
    [InlineData("max_length=4", "max_prompt is 3")]
    [InlineData("pairs=", "pairs is missing")]
    [InlineData("batch.mode=triple", "batch.mode is 'triple'")]
    [InlineData("tokenizer=no-such-folder", "no-such-folder holds no tokenizer")]
    public void Dpo_BadSetting_ExitsWith2AndSaysWhich(string set, string message)
    {
        (int code, string told) = Told("--output", Run("bad"), "--set", set);
        Assert.Equal(2, code);
        Assert.Contains(message, told, StringComparison.Ordinal);
    }

    [Fact]
    public void Dpo_IdOutsideTheVocabulary_ExitsWith2NamingFileAndLine()
    {
        File.AppendAllText(_pairs, PreferencePairs.Format(SamplePairs.Pair("last", [1], (0, [600]), (1, [2]))) + "\n");
        (int code, string told) = Told("--output", Run("bad"));
        Assert.Equal(2, code);
        Assert.Contains($"{_pairs}:61: chosen_sample.ids holds id 600; the model's vocabulary ends at 511", told, StringComparison.Ordinal);
    }

    [Fact]
    public void Dpo_ResumeFromADamagedCheckpoint_IsRefusedBeforeTheReferenceIsScored()
    {
        InterruptAfterFirstEpochStep([]);
        string checkpoint = Assert.Single(Directory.GetDirectories(Path.Combine(Run("cut"), "checkpoints")));
        File.AppendAllText(Path.Combine(checkpoint, "weights.safetensors"), "x");
        Directory.Delete(Path.Combine(_folder, "reference-cache"), recursive: true);
        (int code, string told) = Program("dpo", "--resume", Run("cut"));
        Assert.Equal(2, code);
        Assert.Contains("weights.safetensors differs from its SHA-256", told, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_folder, "reference-cache")));
    }

    private string Card(string run) => File.ReadAllText(Path.Combine(Run(run), "model", "README.md"));

    private string Run(string name) => Path.Combine(_folder, name);

    private JsonElement[] Metrics(string run) =>
        [.. File.ReadLines(Path.Combine(Run(run), "metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];

    private byte[] Weights(string run) => File.ReadAllBytes(Path.Combine(Run(run), "model", "model.safetensors"));

    /// <summary>Runs the recipe with a clock that asks for a stop when training has begun: it saves its step and ends.</summary>
    private void InterruptAfterFirstEpochStep(string[] more)
    {
        using var stop = new CancellationTokenSource();
        using var progress = new StopOnStep(stop);
        string[] sets = [.. more.Where(argument => argument != "--set")];
        var request = new RunRequest { Command = "dpo", Recipe = _recipe, Sets = sets, Output = Run("cut"), Stop = stop.Token, Progress = progress };
        PreferenceRecipe settings = RecipeReader.Read<PreferenceRecipe>(_recipe, sets);
        using var run = RunFolder.Open(request, "tiny-dpo", settings.Seed);
        Assert.Throws<InterruptedException>(() => Rudder.Trainer.Recipes.Preference.Run(settings, run, request));
    }

    private int Trainer(params string[] arguments) => Told(arguments).Code;

    private (int Code, string Told) Told(params string[] arguments) => Program(["dpo", "--recipe", _recipe, .. arguments]);

    private static (int Code, string Told) Program(params string[] arguments) => TrainerProgram.Run(arguments);
}
