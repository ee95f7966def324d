using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Datasets;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using Rudder.Trainer.Tests.Data;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary><c>trainer kto</c> on rows of ids, rows of texts, and pairs.</summary>
public sealed class KtoTrainingTests : IDisposable
{
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public void Run_Rows_StartsAtOneHalfAndLearnsTheJudgements()
    {
        RunFolder run = _world.Train(_world.Kto($"rows={Rows(12)}", $"evaluation_rows={Rows(4, "held-out")}", "epochs=6", "batch.completions=12"), "run");
        JsonObject[] steps = [.. Lines(run, "train")];
        Assert.Equal(6, steps.Length);
        Assert.Equal(0.5, (double)steps[0]["loss"]!, 1e-6); // policy = reference: every σ is ½, z is 0
        Assert.Equal(0, (double)steps[0]["kl"]!, 1e-5);
        Assert.True((double)steps[^1]["loss"]! < 0.49);
        Assert.True((double)steps[^1]["rewards/chosen"]! > 0);
        Assert.True((double)steps[^1]["rewards/rejected"]! < 0);
        Assert.Equal((double)steps[^1]["rewards/margins"]!, (double)steps[^1]["rewards/chosen"]! - (double)steps[^1]["rewards/rejected"]!, 1e-6);
        JsonElement final = JsonDocument.Parse(File.ReadAllText(run.Done)).RootElement.GetProperty("final");
        Assert.Equal((double)steps[^1]["loss"]!, final.GetProperty("train/loss").GetDouble());
        Assert.Equal((double)Lines(run, "eval").Last()["rewards/margins"]!, final.GetProperty("eval/rewards/margins").GetDouble());
        Assert.Contains("trainer kto", File.ReadAllText(run.File("model/README.md")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("batch.accumulation=1")]
    [InlineData("batch.accumulation=2", "batch.completions=2")]
    public void Run_InterruptedAfterEveryStep_EqualsUninterruptedBitForBit(params string[] sets)
    {
        KtoRecipe recipe = _world.Kto([$"rows={Rows(12)}", $"evaluation_rows={Rows(4, "held-out")}", "dropout=0.1", .. sets]);
        RunFolder whole = _world.Train(recipe, "whole");
        RunFolder pieces = _world.TrainInterrupted(recipe, "pieces", out int stops);
        Assert.Equal(5, stops);
        foreach (string metric in new[] { "loss", "kl", "rewards/chosen" })
        {
            Assert.Equal(TinyTraining.Logged(whole, metric), TinyTraining.Logged(pieces, metric));
        }

        Assert.Equal(Lines(whole, "eval").Select(line => line.ToJsonString()), Lines(pieces, "eval").Select(line => line.ToJsonString()));
        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(pieces.File("model/model.safetensors")));
    }

    [Fact]
    public void Run_Pairs_GivesWhatTheirRowsGive()
    {
        List<Rudder.Preference.V1.PreferencePair> pairs = SamplePairs.Random(5, 2, seed: 41);
        PreferencePairs.Write(_world.File("pairs.jsonl"), pairs);
        File.WriteAllLines(_world.File("rows.jsonl"), pairs.SelectMany(pair => (string[])
            [Row([.. pair.PromptIds], [.. pair.ChosenSample.Ids], true), Row([.. pair.PromptIds], [.. pair.RejectedSample.Ids], false)]));
        RunFolder fromPairs = _world.Train(_world.Kto($"pairs={_world.File("pairs.jsonl")}"), "pairs");
        RunFolder fromRows = _world.Train(_world.Kto($"rows={_world.File("rows.jsonl")}"), "rows");
        Assert.Equal(TinyTraining.Logged(fromPairs, "loss"), TinyTraining.Logged(fromRows, "loss"));
        Assert.Equal(6, TinyTraining.Logged(fromRows, "loss").Length); // 10 rows, 4 a step, 2 epochs
    }

    [Fact]
    public void Run_Texts_LearnsCompletionAndEndOfText()
    {
        RunFolder start = _world.Train(_world.Sft("max_steps=1", "schedule.warmup_steps=0"), "start");
        File.WriteAllLines(_world.File("texts.jsonl"), [Text("the film", " was great", true), Text("the story", " was dull", false), Text("", "fine", true)]);
        var tokenizer = Rudder.Checkpoints.TextTokenizer.Load(start.Model)!;
        int[][] completions = [.. new[] { " was great", " was dull", "fine" }.Select(text => (int[])[.. tokenizer.Encode(text), tokenizer.EosId!.Value])];
        File.WriteAllLines(
            _world.File("ids.jsonl"),
            [Row(tokenizer.Encode("the film"), completions[0], true), Row(tokenizer.Encode("the story"), completions[1], false), Row([tokenizer.EosId!.Value], completions[2], true)]);
        RunFolder texts = _world.Train(_world.Kto($"model={start.Model}", $"rows={_world.File("texts.jsonl")}"), "texts");
        RunFolder ids = _world.Train(_world.Kto($"model={start.Model}", $"rows={_world.File("ids.jsonl")}"), "ids");
        Assert.Equal(TinyTraining.Logged(ids, "loss"), TinyTraining.Logged(texts, "loss"));
    }

    [Fact]
    public void Run_Weights_ScaleTheTwoSides()
    {
        string rows = Rows(8);
        double plain = Loss("plain"), desirable = Loss("desirable", "lambda_desirable=3"), both = Loss("both", "lambda_desirable=3", "lambda_undesirable=5");
        Assert.Equal(0.5, plain, 1e-6); // 4 of each, σ = ½
        Assert.Equal(1.0, desirable, 1e-6); // (4·3 + 4)/8/2
        Assert.Equal(2.0, both, 1e-6);

        double Loss(string name, params string[] sets) =>
            (double)Lines(_world.Train(_world.Kto([$"rows={rows}", "max_steps=1", "batch.completions=8", .. sets]), name), "train").Single()["loss"]!;
    }

    [Theory]
    [InlineData("{\"prompt_ids\":[1],\"completion_ids\":[2]}", "key 'label' is missing")]
    [InlineData("{\"prompt_ids\":[1],\"completion_ids\":[2],\"label\":1}", "key 'label' is 1")]
    [InlineData("{\"prompt_ids\":[1],\"completion_ids\":[],\"label\":true}", "rows.jsonl:9: completion_ids is empty")]
    [InlineData("{\"prompt_ids\":[1],\"completion_ids\":[512],\"label\":true}", "rows.jsonl:9: completion_ids holds id 512")]
    [InlineData("{\"prompt_ids\":[1.5],\"completion_ids\":[2],\"label\":true}", "key 'prompt_ids' is [1.5]")]
    [InlineData("{\"prompt_ids\":[1],\"completion\":\"a\",\"label\":true}", "key 'completion_ids' is missing")]
    [InlineData("{\"prompt\":\"a\",\"completion\":\"b\",\"label\":true}", "rows.jsonl:9: it holds texts, but the model has no tokenizer")]
    public void Run_BrokenRow_IsRefusedByFileAndLine(string row, string problem)
    {
        string rows = Rows(8);
        File.AppendAllText(rows, row + "\n");
        Exception error = Assert.ThrowsAny<Exception>(() => _world.Train(_world.Kto($"rows={rows}"), "run"));
        Assert.Equal(ExitCodes.BadInput, Failures.CodeOf(error));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.Contains("rows.jsonl:9", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_RowTooLong_IsRefusedOrCutFromItsPrompt()
    {
        string rows = Rows(8);
        File.AppendAllText(rows, Row([.. Enumerable.Range(1, 40)], [.. Enumerable.Range(1, 12)], true) + "\n");
        BadInputException error = Assert.Throws<BadInputException>(() => _world.Train(_world.Kto($"rows={rows}", "max_length=32"), "refused"));
        Assert.Contains("the prompt has 40 tokens; max_prompt is 31", error.Message, StringComparison.Ordinal);
        RunFolder run = _world.Train(_world.Kto($"rows={rows}", "max_length=32", "over_length=truncate", "max_steps=1"), "cut");
        JsonObject data = Lines(run, "data").Single();
        Assert.Equal((1, 0), ((int)data["truncated_prompts"]!, (int)data["truncated_completions"]!));
    }

    [Fact]
    public void Run_OnePrompt_IsRefused()
    {
        File.WriteAllLines(_world.File("rows.jsonl"), [Row([1, 2], [3], true), Row([1, 2], [4], false)]);
        BadInputException error = Assert.Throws<BadInputException>(() => _world.Train(_world.Kto($"rows={_world.File("rows.jsonl")}"), "run"));
        Assert.Contains("holds 1 prompt", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("give either rows", "epochs=1")]
    [InlineData("give either rows", "rows=a", "pairs=b")]
    [InlineData("give one", "rows=a", "evaluation_rows=b", "evaluation_pairs=c")]
    [InlineData("batch.completions is 1", "rows=a", "batch.completions=1")]
    [InlineData("lambda_desirable is 0", "rows=a", "lambda_desirable=0")]
    public void Parse_BadSetting_SaysWhich(string problem, params string[] sets)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => _world.Kto(sets));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Kto_Command_TrainsAndRemembersItsReference()
    {
        string recipe = _world.File("kto.json");
        File.WriteAllText(recipe, RecipeReader.Write(_world.Kto($"rows={Rows(8)}", "max_steps=1")));
        (int code, string error) = TrainerProgram.Run("kto", "--recipe", recipe, "--output", _world.File("run"));
        Assert.True(code == ExitCodes.Done, error);
        Assert.Contains("reference in ", File.ReadAllText(_world.File("run/identity.json")), StringComparison.Ordinal);
        (_, string again) = TrainerProgram.Run("kto", "--recipe", recipe, "--output", _world.File("again"), "--set", "beta=0.5");
        Assert.Contains("reference log-probs of 16 completions taken from", again, StringComparison.Ordinal); // 8, and 8 under other prompts
    }

    private string Rows(int count, string name = "rows")
    {
        string path = _world.File(name + ".jsonl");
        var random = new Random(count);
        File.WriteAllLines(path, Enumerable.Range(0, count).Select(i => Row(Ids(2, 6), Ids(3, 9), i % 2 == 0)));
        return path;

        int[] Ids(int least, int most) => [.. Enumerable.Range(0, random.Next(least, most)).Select(_ => random.Next(511))];
    }

    private static string Row(int[] prompt, int[] completion, bool label) => JsonSerializer.Serialize(new { prompt_ids = prompt, completion_ids = completion, label });

    private static string Text(string prompt, string completion, bool label) => JsonSerializer.Serialize(new { prompt, completion, label });

    private static IEnumerable<JsonObject> Lines(RunFolder run, string split) =>
        File.ReadLines(run.Metrics).Select(line => JsonNode.Parse(line)!.AsObject()).Where(line => (string?)line["split"] == split);
}
