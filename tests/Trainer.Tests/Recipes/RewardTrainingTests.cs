using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Engine;
using Rudder.Preference.V1;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using Rudder.Trainer.Tests.Data;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary><c>trainer reward</c> from pairs to a served model.</summary>
public sealed class RewardTrainingTests : IDisposable
{
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public void Run_Pairs_LearnsThemAndReportsAccuracyMarginAndCalibration()
    {
        RunFolder run = _world.Train(_world.Reward("epochs=12", "optimizer.learning_rate=0.003"), "run");
        JsonObject[] steps = [.. Lines(run, "train")], evaluations = [.. Lines(run, "eval")];
        Assert.Equal(Math.Log(2), (double)steps[0]["loss"]!, 0.1); // a new head's scores are near 0
        Assert.True((double)steps[^1]["loss"]! < 0.1);
        Assert.Equal(1, (double)steps[^1]["accuracy"]!);
        Assert.Equal((double)steps[^1]["margin"]!, (double)steps[^1]["scores/chosen"]! - (double)steps[^1]["scores/rejected"]!, 1e-5);
        Assert.All(new[] { "loss", "accuracy", "margin", "calibration_error" }, name => Assert.True(double.IsFinite((double)evaluations[^1][name]!)));
        JsonElement final = JsonDocument.Parse(File.ReadAllText(run.Done)).RootElement.GetProperty("final");
        Assert.Equal((double)evaluations[^1]["calibration_error"]!, final.GetProperty("eval/calibration_error").GetDouble());
        Assert.Contains("reward model", File.ReadAllText(run.File("model/README.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_InterruptedAfterEveryStep_EqualsUninterruptedBitForBit()
    {
        RewardRecipe recipe = _world.Reward("dropout=0.1", "centring=0.01", "batch.groups=1", "batch.accumulation=2");
        RunFolder whole = _world.Train(recipe, "whole");
        RunFolder pieces = _world.TrainInterrupted(recipe, "pieces", out int stops);
        Assert.Equal(5, stops);
        Assert.Equal(TinyTraining.Logged(whole, "loss"), TinyTraining.Logged(pieces, "loss"));
        Assert.Equal(Lines(whole, "eval").Select(line => line.ToJsonString()), Lines(pieces, "eval").Select(line => line.ToJsonString()));
        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(pieces.File("model/model.safetensors")));
    }

    /// <summary>The last link: what the engine serves from the folder is what the trainer's own model scores.</summary>
    [Fact]
    public async Task Run_WithExport_IsServedWithItsRawScores()
    {
        RunFolder start = _world.Train(_world.Sft("max_steps=1", "schedule.warmup_steps=0"), "start");
        List<PreferencePair> pairs = [.. SamplePairs.Random(4, 2, seed: 51).Select(pair => Cut(pair, 250, 5))];
        RewardRecipe recipe = _world.Reward($"model={start.Model}", "export.fp32=true", "export.int8=true", "evaluation_pairs=null");
        PreferencePairs.Write(_world.File("pairs.jsonl"), pairs); // the tiny language model has 300 ids and a context of 16
        RunFolder run = _world.Train(recipe, "run");

        JsonNode config = JsonNode.Parse(File.ReadAllText(run.File("model/config.json")))!;
        Assert.Equal("GPT2ForSequenceClassification", (string?)config["architectures"]![0]);
        Assert.Equal((int)config["eos_token_id"]!, (int)config["pad_token_id"]!);
        Assert.False(File.Exists(run.File("model/genai_config.json")));

        string[] texts = ["the film was great", "the story was dull and poor", ""];
        await using var engine = new EngineHost(new EngineOptions());
        ModelDescription description = await engine.LoadAsync(new Rudder.Engine.ModelSource("reward", run.Model));
        Assert.Equal(["LABEL_0"], description.Labels);
        IReadOnlyList<TextClassification> served = await engine.ClassifyAsync("reward", texts);
        double[] expected = Score("torch");
        Assert.Contains(expected, score => Math.Abs(score) > 1e-3 && Math.Abs(score - 1) > 1e-3); // a probability of one label would be 1
        Assert.All(texts.Index(), text => Assert.Equal(expected[text.Index], Assert.Single(served[text.Index].Probabilities), 1e-5));
        Assert.All(Score("onnx").Zip(expected), both => Assert.Equal(both.Second, both.First, 1e-5));

        double[] Score(string kind)
        {
            string input = _world.File("texts.jsonl"), output = _world.File(kind + ".jsonl");
            File.WriteAllLines(input, texts.Select(text => JsonSerializer.Serialize(new { text })));
            (int code, string error) = TrainerProgram.Run("score", "--model", run.Model, "--engine", kind, "--input", input, "--output", output);
            Assert.True(code == ExitCodes.Done, error);
            return [.. File.ReadLines(output).Select(line => (double)JsonNode.Parse(line)!["score"]!)];
        }
    }

    [Fact]
    public void Run_ARewardModelAsStart_ContinuesIt()
    {
        RunFolder first = _world.Train(_world.Reward("epochs=6"), "first");
        RunFolder second = _world.Train(_world.Reward($"model={first.Model}", "max_steps=1"), "second");
        Assert.True((double)Lines(second, "train").Single()["accuracy"]! > 0.9); // what the first had learnt
    }

    [Fact]
    public void Run_CentringAndMargin_EnterTheLoss()
    {
        PreferencePair pair = SamplePairs.Pair("a", [1, 2], (0, [3, 4]), (1, [5]));
        (pair.ChosenSample.Score, pair.RejectedSample.Score) = (0.9, 0.3);
        double plain = Loss("plain"), margin = Loss("margin", "margin=scores"), centred = Loss("centred", "centring=2");
        JsonObject step = Lines(_world.File("plain"), "train").Single();
        (double winner, double loser) = ((double)step["scores/chosen"]!, (double)step["scores/rejected"]!);
        Assert.Equal(Math.Log(1 + Math.Exp(-(winner - loser))), plain, 1e-6);
        Assert.Equal(Math.Log(1 + Math.Exp(-(winner - loser - 0.6))), margin, 1e-6);
        Assert.Equal(plain + (2 * Math.Pow(winner + loser, 2)), centred, 1e-6);

        double Loss(string name, params string[] sets)
        {
            RewardRecipe recipe = _world.Reward([.. sets, "max_steps=1", "evaluation_pairs=null"]);
            PreferencePairs.Write(_world.File("pairs.jsonl"), [pair]);
            return (double)Lines(_world.Train(recipe, name), "train").Single()["loss"]!;
        }
    }

    [Theory]
    [InlineData("margin=scores", "all scores are equal or missing")]
    [InlineData("pairs=", "pairs is missing")]
    [InlineData("max_length=4", "max_prompt is 3")]
    public void Run_BadSetting_SaysWhich(string set, string problem)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => _world.Train(_world.Reward(set), "run"));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ReversedScores_AreRefusedAsMargin()
    {
        PreferencePair pair = SamplePairs.Pair("turned", [1, 2], (0, [3, 4]), (1, [5]));
        (pair.ChosenSample.Score, pair.RejectedSample.Score) = (0.3, 0.9);
        RewardRecipe recipe = _world.Reward("margin=scores");
        PreferencePairs.Write(_world.File("pairs.jsonl"), [pair]);
        BadInputException error = Assert.Throws<BadInputException>(() => _world.Train(recipe, "run"));
        Assert.Contains("'turned'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ClassifierOfTwoLabels_IsRefused()
    {
        BadInputException error = Assert.Throws<BadInputException>(() => _world.Train(_world.Reward($"model={FixtureFiles.Folder("tiny-roberta")}"), "run"));
        Assert.Contains("2 labels", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Confidence 0.75 (margins ±ln 3), right in two of four: one bin, |0.5 − 0.75|. With two pairs at 0.5 more: (4·0.25 + 2·0)/6.</summary>
    [Fact]
    public void CalibrationError_KnownMargins_MatchesHandComputedValue()
    {
        double three = Math.Log(3);
        Assert.Equal(0.25, RewardMetrics.CalibrationError([three, three, -three, -three]), 1e-9);
        Assert.Equal(1.0 / 6, RewardMetrics.CalibrationError([three, three, -three, -three, 1e-9, -1e-9]), 1e-9);
        double[] apart = [Math.Log(0.62 / 0.38), -Math.Log(0.67 / 0.33)]; // confidences 0.62, right, and 0.67, wrong: two bins of width 0.05
        Assert.Equal((0.38 + 0.67) / 2, RewardMetrics.CalibrationError(apart), 1e-9);
        Assert.Equal(0, RewardMetrics.CalibrationError([40, 60]), 1e-9);
        Assert.Equal(1, RewardMetrics.CalibrationError([-40, -60]), 1e-9);
    }

    [Fact]
    public void Reward_Command_Trains()
    {
        string recipe = _world.File("reward.json");
        File.WriteAllText(recipe, RecipeReader.Write(_world.Reward("max_steps=1")));
        (int code, string error) = TrainerProgram.Run("reward", "--recipe", recipe, "--output", _world.File("run"));
        Assert.True(code == ExitCodes.Done, error);
        Assert.Equal(["LABEL_0"], ModelConfig.Load(_world.File("run/model")).Labels);
    }

    private static PreferencePair Cut(PreferencePair pair, int vocabulary, int length)
    {
        int[] Ids(IEnumerable<int> ids) => [.. ids.Take(length).Select(id => id % vocabulary)];
        return SamplePairs.Pair(pair.PromptId, Ids(pair.PromptIds), (0, Ids(pair.ChosenSample.Ids)), (1, Ids(pair.RejectedSample.Ids)));
    }

    private static IEnumerable<JsonObject> Lines(RunFolder run, string split) => Lines(run.Path, split);

    private static IEnumerable<JsonObject> Lines(string run, string split) =>
        File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(line => JsonNode.Parse(line)!.AsObject()).Where(line => (string?)line["split"] == split);
}
