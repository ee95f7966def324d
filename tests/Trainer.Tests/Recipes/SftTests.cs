using System.Text.Json.Nodes;
using Rudder.Checkpoints;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Recipes;

public class SftTests
{
    [Theory]
    [InlineData("reviews", "adamw", 0.01)]
    [InlineData("pack", "adamw", 0.01)]
    [InlineData("reviews", "rmsprop", 0.001)]
    public void Run_InterruptedAfterEveryStep_EqualsUninterruptedBitForBit(string mode, string optimizer, double rate)
    {
        using var world = new TinyTraining();
        SftRecipe recipe = world.Sft(FormattableString.Invariant($"optimizer.learning_rate={rate}"), $"data.mode={mode}", $"optimizer.name={optimizer}");
        RunFolder whole = world.Train(recipe, "whole");
        RunFolder pieces = world.TrainInterrupted(recipe, "pieces", out int stops);
        string[] losses = TinyTraining.Logged(whole, "loss");
        Assert.True(mode == "pack" || losses.Length == 8, "20 reviews in 7 batches are 4 steps of 2, the last with one");
        Assert.True(losses.Length >= 4, "the recipe should cross an epoch");
        Assert.Equal(losses.Length - 1, stops);
        Assert.Equal(losses, TinyTraining.Logged(pieces, "loss"));
        Assert.Equal(TinyTraining.Logged(whole, "grad_norm"), TinyTraining.Logged(pieces, "grad_norm"));
        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(pieces.File("model/model.safetensors")));
    }

    [Theory]
    [InlineData("llama", "architecture.key_value_heads=1", "architecture.inner_size=24")]
    [InlineData("qwen3", "freeze_blocks=1")]
    [InlineData("mistral")]
    [InlineData("gpt_neox")]
    public void Run_NewDecoderOfAnyFamily_LearnsAndExports(string family, params string[] sets)
    {
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Sft([$"architecture.model_type={family}", "export.fp32=true", "epochs=6", .. sets]), "run");
        double[] losses = TinyTraining.Values(run, "loss");
        Assert.True(losses[^1] < losses[0] - 0.5, $"the loss goes from {losses[0]} to {losses[^1]}");
        var config = ModelConfig.Load(run.Model);
        Assert.Equal((family, sets.Length > 1 ? 1 : 2), (config.ModelType, config.KeyValueHeads));
        Assert.True(File.Exists(Path.Combine(run.Model, "onnx", "model.onnx")));
    }

    [Theory]
    [InlineData("gpt2", "architecture.key_value_heads=1", "gpt2 has 2")]
    [InlineData("llama", "architecture.key_value_heads=3", "must divide the 2 heads")]
    public void Run_GroupedHeadsThatDoNotFit_AreRefused(string family, string set, string problem)
    {
        using var world = new TinyTraining();
        var error = Assert.Throws<BadInputException>(() => world.Train(world.Sft($"architecture.model_type={family}", set), "run"));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Finished_LeavesModelCardAndDoneFile()
    {
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Sft(), "run");
        foreach (string file in new[]
        {
            "recipe.json", "environment.json", "metrics.jsonl", "done.json", "model/config.json", "model/model.safetensors",
            "model/tokenizer.json", "model/generation_config.json", "model/README.md",
        })
        {
            Assert.True(File.Exists(run.File(file)), file);
        }

        Assert.StartsWith("---\nlibrary_name: transformers\npipeline_tag: text-generation\n", File.ReadAllText(run.File("model/README.md")), StringComparison.Ordinal);
        Assert.Contains("\"dtype\": \"float32\"", File.ReadAllText(run.File("model/config.json")), StringComparison.Ordinal);
        Assert.Contains("\"model_max_length\":", File.ReadAllText(run.File("model/tokenizer_config.json")), StringComparison.Ordinal);

        Assert.False(Directory.Exists(run.Model + ".tmp"));
    }

    [Fact]
    public void Run_FinishedRunResumed_ReplacesModelAndDoneFile()
    {
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Sft(), "run");
        byte[] weights = File.ReadAllBytes(run.File("model/model.safetensors"));
        File.WriteAllText(run.File("model/stale.txt"), "x");
        world.Resume(world.Sft(), "run");
        Assert.Equal(weights, File.ReadAllBytes(run.File("model/model.safetensors")));
        Assert.False(File.Exists(run.File("model/stale.txt")));
        Assert.True(File.Exists(run.Done));
    }

    [Fact]
    public void Run_TextsWithLineBreaksAndTabs_AreTrainedAsTheyAreUnlessCleaned()
    {
        using var world = new TinyTraining();
        string raw = Rows("raw.jsonl", "the\\nfilm\\n\\n\\twas great"), plain = Rows("plain.jsonl", "the film was great");
        string[] expected = Losses(plain, "false");
        Assert.NotEqual(expected, Losses(raw, "false"));
        Assert.Equal(expected, Losses(raw, "true"));

        string Rows(string name, string text)
        {
            File.WriteAllLines(world.File(name), Enumerable.Range(0, 12).Select(id => $$"""{"id": {{id}}, "label": -1, "text": "{{text}}"}"""));
            return world.File(name);
        }

        string[] Losses(string file, string clean) => TinyTraining.Logged(
            world.Train(
                world.Sft($"data.files=[\"{file}\"]", $"data.clean_html={clean}", "data.held_out=0", "max_steps=1", "schedule.warmup_steps=0"),
                $"{Path.GetFileName(file)}-{clean}"),
            "loss");
    }

    [Fact]
    public void Run_RateThatExplodes_FailsNamingStepLossAndBatch()
    {
        using var world = new TinyTraining();
        SftRecipe recipe = world.Sft("optimizer.learning_rate=1", "optimizer.weight_decay=0", "epochs=200", "max_grad_norm=0", "checkpoint_every=1")
            with { Optimizer = new OptimizerSettings { LearningRate = 1e30, WeightDecay = 0 } };
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => world.Train(recipe, "run"));
        Assert.Matches("Step [0-9]+ gave loss (NaN|∞|Infinity)", error.Message);
        Assert.Contains("train/", error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetDirectories(world.File("run/checkpoints"), "step-*"));
        Assert.False(Directory.Exists(world.File("run/model")));
        Assert.False(File.Exists(world.File("run/done.json")));
    }

    [Fact]
    public void Run_FrozenBlock_KeepsItsWeightsAndMovesTheOthers()
    {
        using var world = new TinyTraining();
        SftRecipe recipe = world.Sft("freeze_blocks=1");
        RunFolder run = world.Train(recipe, "run");
        manual_seed(recipe.Seed);
        using ILanguageModel before = ModelSource.Model<ILanguageModel>(recipe, ModelSource.Tokenizer(world.LanguageTokenizer), [], CPU);
        using ILanguageModel after = ModelFolder.Load<ILanguageModel>(run.Model, CPU);
        foreach ((NamedParameter old, NamedParameter now) in before.Parameters.Zip(after.Parameters))
        {
            bool same = NamedParameters.Values(old.Value).SequenceEqual(NamedParameters.Values(now.Value));
            Assert.True(same == old.Name.StartsWith("h.0.", StringComparison.Ordinal), old.Name);
        }
    }

    [Fact]
    public void Run_FourSmallBatchesAccumulated_EqualsOneLargeBatch()
    {
        using var world = new TinyTraining();
        // one epoch of one step over all 20 reviews: the order of rows differs, their gradient does not
        RunFolder large = world.Train(world.Sft("batch.sequences=20", "batch.accumulation=1", "dropout=0", "schedule.warmup_steps=1", "optimizer.learning_rate=0.006"), "large");
        RunFolder small = world.Train(world.Sft("batch.sequences=5", "batch.accumulation=4", "dropout=0", "schedule.warmup_steps=1", "optimizer.learning_rate=0.006"), "small");
        Assert.Equal(2, TinyTraining.Logged(large, "loss").Length);
        foreach (string metric in new[] { "loss", "grad_norm" })
        {
            double[] one = Values(large, metric), four = Values(small, metric);
            Assert.Equal(one[0], four[0], 1e-5);
            Assert.Equal(one[1], four[1], 1e-4); // after an Adam step, which magnifies rounding in near-zero gradients
        }

        static double[] Values(RunFolder run, string metric) =>
            [.. TinyTraining.Logged(run, metric).Select(t => double.Parse(t.Split(": ")[1], System.Globalization.CultureInfo.InvariantCulture))];
    }

    [Fact]
    public void Run_KilledBeforeTheFirstCheckpoint_BeginsAnewOnResume()
    {
        using var world = new TinyTraining();
        RunFolder whole = world.Train(world.Sft(), "whole");
        using (var killed = RunFolder.Open(world.Request("killed"), "tiny", 3))
        {
            killed.WriteStart(world.Sft(), world.Request("killed"), 1, []);
        }

        world.Resume(world.Sft(), "killed");

        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(world.File("killed/model/model.safetensors")));
    }

    [Fact]
    public void Run_FinishedRunWithoutItsCheckpoints_IsNotTrainedAnew()
    {
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Sft(), "run");
        string metrics = File.ReadAllText(run.Metrics);
        Directory.Delete(run.Checkpoints, recursive: true);

        Assert.Throws<BadInputException>(() => world.Resume(world.Sft(), "run"));

        Assert.True(File.Exists(run.Done));
        Assert.Equal(metrics, File.ReadAllText(run.Metrics));
    }

    [Fact]
    public void Run_StartRefused_MayBeResumedWithTheSettingCorrected()
    {
        using var world = new TinyTraining();
        Assert.Throws<BadInputException>(() => world.Train(world.Sft("schedule.warmup_steps=50"), "run"));

        world.Resume(world.Sft(), "run");

        Assert.True(File.Exists(world.File("run/done.json")));
    }

    [Fact]
    public void Run_ResumeWithAnotherSaveType_IsTheSameTraining()
    {
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Sft(), "run");

        world.Resume(world.Sft("save_type=fp16"), "run");

        Assert.True(File.Exists(run.Done));
        Assert.Equal("fp16", (string)JsonNode.Parse(File.ReadAllText(run.File("recipe.json")))!["save_type"]!);
    }

    [Fact]
    public void Run_ResumeOverOtherData_IsRefusedByName()
    {
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Sft(), "run");
        File.AppendAllText(world.Reviews, File.ReadLines(world.Reviews).First() + "\n");

        BadInputException error = Assert.Throws<BadInputException>(() => world.Resume(world.Sft(), "run"));

        Assert.Contains(world.Reviews, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ResumeOverAnotherTokenizer_IsRefusedByName()
    {
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Sft(), "run");
        File.AppendAllText(Path.Combine(world.LanguageTokenizer, "tokenizer.json"), "\n");

        BadInputException error = Assert.Throws<BadInputException>(() => world.Resume(world.Sft(), "run"));

        Assert.StartsWith($"tokenizer in {world.LanguageTokenizer} changed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ResumeWithAnotherRecipe_IsRefused()
    {
        using var world = new TinyTraining();
        world.Train(world.Sft(), "run");
        BadInputException error = Assert.Throws<BadInputException>(() => world.Resume(world.Sft("optimizer.learning_rate=0.5"), "run"));
        Assert.Contains("optimizer.learning_rate was 0.01, is now 0.5", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_StopAskedFor_SavesAndNamesTheCommandToGoOn()
    {
        using var world = new TinyTraining();
        SftRecipe recipe = world.Sft();
        RunRequest request = world.Request("run", stopAfterOneStep: true);
        using var run = RunFolder.Open(request, "tiny", 3);
        InterruptedException error = Assert.Throws<InterruptedException>(() => Sft.Run(recipe, run, request));
        Assert.Contains($"trainer sft --resume {world.File("run")}", error.Message, StringComparison.Ordinal);
        Assert.Equal(130, Failures.CodeOf(error));
        Assert.True(File.Exists(world.File("run/checkpoints/step-1/manifest.json")));
        Assert.False(File.Exists(world.File("run/done.json")));
    }

    [Fact]
    public void Run_TrainingTexts_LearnsThem()
    {
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Sft("epochs=30", "dropout=0", "checkpoint_every=0", "evaluate_every=0"), "run");
        string[] losses = TinyTraining.Logged(run, "loss");
        double Last(int i) => double.Parse(losses[i].Split(": ")[1], System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(Last(losses.Length - 1) < 0.6 * Last(0), $"{Last(0)} -> {Last(losses.Length - 1)}");
    }
}
