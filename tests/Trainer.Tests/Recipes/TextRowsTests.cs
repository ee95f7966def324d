using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Preference.V1;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>Real runs on rows of texts, from files as people have them.</summary>
public sealed class TextRowsTests : IDisposable
{
    private static readonly (string Prompt, string Chosen, string Rejected)[] Pairs =
    [
        ("the film", " was great", " was dull"), ("the story", " was lovely", " was poor"), ("its end", " was bright", " was grey"),
        ("the actor", " was fine", " was awful"), ("the film", " was lovely", " was awful"), ("", "great", "poor"),
    ];

    private readonly TinyTraining _world = new();
    private readonly string _policy;
    private readonly TextTokenizer _tokenizer;

    public TextRowsTests()
    {
        _policy = _world.Policy();
        _tokenizer = TextTokenizer.Load(_policy)!;
    }

    public void Dispose() => _world.Dispose();

    [Fact]
    public void Dpo_PairsOfTexts_LearnWhatTheirTokenIdsGive()
    {
        string csv = Csv("a.csv", Pairs[..3]);
        Json("b.jsonl", Pairs[3..]);
        PreferencePairs.Write(_world.File("ids.jsonl"), Pairs.Select((pair, i) => Exact($"p{i}", pair)));

        RunFolder texts = Dpo("texts", $"pairs=[\"{csv}\",\"{_world.File("b*.jsonl")}\"]", $"evaluation_pairs={csv}");
        RunFolder ids = Dpo("ids", $"pairs={_world.File("ids.jsonl")}");

        Assert.Equal(TinyTraining.Logged(ids, "loss"), TinyTraining.Logged(texts, "loss"));
        Assert.Equal(6, TinyTraining.Logged(texts, "loss").Length); // 6 pairs, 2 a step, 2 epochs
        Assert.Contains("b.jsonl", File.ReadAllText(texts.File("identity.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void Reward_PairsOfTextsWithNamedColumns_LearnsThem()
    {
        RewardRecipe recipe = _world.Reward(
            $"model={_policy}", $"pairs={_world.File("named.jsonl")}", "evaluation_pairs=null", "epochs=30", "optimizer.learning_rate=0.01",
            "columns.prompt=question", "columns.chosen=yes", "columns.rejected=no");
        File.WriteAllLines(_world.File("named.jsonl"), Pairs.Select(pair => JsonSerializer.Serialize(new { question = pair.Prompt, yes = pair.Chosen, no = pair.Rejected })));

        RunFolder run = _world.Train(recipe, "run");

        Assert.Equal(1, TinyTraining.Values(run, "accuracy")[^1]);
    }

    [Fact]
    public void Kto_PairsOfWholeTextsAndLabelledRows_Train()
    {
        File.WriteAllLines(_world.File("whole.jsonl"), Pairs[..5].Select(pair => JsonSerializer.Serialize(new { chosen = pair.Prompt + pair.Chosen, rejected = pair.Prompt + pair.Rejected })));
        File.WriteAllText(_world.File("rows.csv"), "prompt,completion,label\nthe film, was great,True\nthe story, was dull,False\nits end, was fine,1\nthe actor, was poor,0\n");

        RunFolder pairs = _world.Train(_world.Kto($"model={_policy}", $"pairs={_world.File("whole.jsonl")}", "max_steps=2"), "pairs");
        RunFolder rows = _world.Train(_world.Kto($"model={_policy}", $"rows={_world.File("rows.csv")}", "max_steps=2"), "rows");

        Assert.Equal(0.5, TinyTraining.Values(pairs, "loss")[0], 1e-6);
        Assert.Equal(0.5, TinyTraining.Values(rows, "loss")[0], 1e-6);
    }

    [Fact]
    public void Sft_PromptsAndCompletions_LearnsCompletionTokensOnly()
    {
        string file = _world.File("rows.jsonl");
        File.WriteAllLines(file, Pairs.Select(pair => JsonSerializer.Serialize(new { prompt = pair.Prompt, completion = pair.Chosen })));

        RunFolder run = _world.Train(Sft(file, "max_steps=1", "batch.sequences=6", "batch.accumulation=1"), "run");

        int learned = Pairs.Sum(pair => _tokenizer.Encode(pair.Chosen).Length + 1);
        Assert.Equal(learned, TinyTraining.Values(run, "num_tokens")[0]);
    }

    [Theory]
    [InlineData("truncate", 3, 9, 1, 0)] // 12 tokens of the prompt, 9 of the completion, 12 fit
    [InlineData("truncate_prompt", 3, 9, 1, 0)]
    [InlineData("truncate_completion", 11, 1, 0, 1)]
    public void Sft_OverlongRow_IsCutBySettingAndCounted(string setting, int prompt, int completion, int prompts, int completions)
    {
        string file = _world.File("rows.jsonl");
        (string Prompt, string Completion) row = (Words(setting == "truncate_completion" ? 11 : 12), Words(8));
        File.WriteAllLines(file, [JsonSerializer.Serialize(new { prompt = row.Prompt, completion = row.Completion })]);

        RunFolder run = _world.Train(
            Sft(file, "max_steps=1", "batch.sequences=1", "batch.accumulation=1", "batch.length=11", $"data.over_length={setting}"), "run");

        JsonObject data = Lines(run, "data").Single();
        Assert.Equal((prompts, completions), ((int)data["truncated_prompts"]!, (int)data["truncated_completions"]!));
        Assert.Equal(completion, TinyTraining.Values(run, "num_tokens")[0]);
        Assert.Equal(12, prompt + completion);
    }

    [Theory]
    [InlineData("refuse", 8, 8, "make 17 tokens; batch.length with one more target is 12. Raise batch.length")]
    [InlineData("truncate_prompt", 2, 14, "which the completion alone exceeds")]
    [InlineData("truncate_completion", 12, 1, "the prompt has 12 tokens; batch.length is 11")]
    public void Sft_RowThatCannotBeCut_IsNamed(string setting, int prompt, int completion, string problem)
    {
        string file = _world.File("rows.jsonl");
        File.WriteAllLines(file, [JsonSerializer.Serialize(new { prompt = Words(prompt), completion = Words(completion) })]);

        BadInputException error = Assert.Throws<BadInputException>(() => _world.Train(Sft(file, "batch.length=11", $"data.over_length={setting}"), "run"));

        Assert.StartsWith($"{file}:1: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_SkipBadRows_CountsAndListsThem()
    {
        string pairs = Json("own.jsonl", Pairs);
        File.AppendAllText(pairs, "{\"prompt\": \"a\"}\nnot JSON\n{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"b\"}\n");
        string texts = _world.File("texts.jsonl");
        File.WriteAllText(texts, "{\"text\": \"the film was great\"}\n{\"body\": \"the film was dull\"}\n{\"text\": \"the story was dull\"}\n");

        BadInputException stopped = Assert.Throws<BadInputException>(() => Dpo("stopped", $"pairs={Json("same.jsonl", [("a", "b", "c"), ("p", Words(20), "c")])}"));
        RunFolder dpo = Dpo("dpo", $"pairs={pairs}", "bad_rows=skip");
        RunFolder sft = _world.Train(Sft(texts, "data.bad_rows=skip", "max_steps=1"), "sft");

        Assert.Contains("same.jsonl:2: the prompt of 1 and the chosen completion of", stopped.Message, StringComparison.Ordinal);
        Assert.Equal(3, (int)Lines(dpo, "data").Single()["bad_rows"]!);
        Assert.Equal(
            [$"{pairs}:7", $"{pairs}:8", $"{pairs}:9"],
            File.ReadLines(dpo.File("bad_rows.jsonl")).Select(line => (string)JsonNode.Parse(line)!["row"]!));
        Assert.Equal(3, JsonDocument.Parse(File.ReadAllText(dpo.Done)).RootElement.GetProperty("final").GetProperty("data/bad_rows").GetInt32());
        Assert.Equal(1, (int)Lines(sft, "data").Single()["bad_rows"]!);
        Assert.Contains("'text' is missing", File.ReadAllText(sft.File("bad_rows.jsonl")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("columns.label=x", "columns.label is given")]
    [InlineData("columns.question=x", "there is no setting 'question'")]
    [InlineData("bad_rows=ignore", "bad_rows is 'ignore'")]
    [InlineData("over_length=cut", "over_length is 'cut'")]
    [InlineData("pairs=[1]", "the value of pairs")]
    public void Parse_BadSetting_SaysWhich(string set, string problem)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => _world.Preference(set));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sft_PromptsInPackMode_AreRefused()
    {
        string file = _world.File("rows.jsonl");
        File.WriteAllLines(file, ["{\"prompt\": \"a\", \"completion\": \" b\"}"]);
        BadInputException error = Assert.Throws<BadInputException>(() => _world.Train(Sft(file, "data.mode=pack"), "run"));
        Assert.Contains("Set data.mode to \"reviews\"", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_FilesOfOneAndOfSeveral_ReadBackEqual()
    {
        PreferenceRecipe recipe = _world.Preference("pairs=[\"a.csv\",\"b/*.parquet\"]", "evaluation_pairs=c.json");
        string json = RecipeReader.Write(recipe);
        PreferenceRecipe again = RecipeReader.Parse<PreferenceRecipe>(json, "tiny.json", []);
        Assert.Equal(["a.csv", "b/*.parquet"], again.Pairs!);
        Assert.Equal("c.json", (string)JsonNode.Parse(json)!["evaluation_pairs"]!);
    }

    private static string Words(int count) => new('!', count); // a token each: the tokenizer never saw two

    private static IEnumerable<JsonObject> Lines(RunFolder run, string split) =>
        File.ReadLines(run.Metrics).Select(line => JsonNode.Parse(line)!.AsObject()).Where(line => (string?)line["split"] == split);

    private SftRecipe Sft(string file, params string[] sets) =>
        _world.Sft([$"data.files=[\"{file}\"]", "data.held_out=0", "evaluate_every=0", "schedule.warmup_steps=0", .. sets]);

    private RunFolder Dpo(string output, params string[] sets) =>
        _world.Train(_world.Preference([$"model={_policy}", "evaluation_pairs=null", .. sets]), output);

    private string Csv(string name, IEnumerable<(string Prompt, string Chosen, string Rejected)> pairs)
    {
        File.WriteAllText(_world.File(name), "\uFEFFid,prompt,chosen,rejected\r\n" + string.Concat(pairs.Select((pair, i) => $"{i},{pair.Prompt},\"{pair.Chosen}\",{pair.Rejected}\r\n")));
        return _world.File(name);
    }

    private string Json(string name, IEnumerable<(string Prompt, string Chosen, string Rejected)> pairs)
    {
        File.WriteAllLines(_world.File(name), pairs.Select(pair => JsonSerializer.Serialize(new { prompt = pair.Prompt, chosen = pair.Chosen, rejected = pair.Rejected })));
        return _world.File(name);
    }

    private PreferencePair Exact(string id, (string Prompt, string Chosen, string Rejected) pair) => new()
    {
        PromptId = id,
        Prompt = "other text",
        PromptIds = { pair.Prompt.Length == 0 ? [_tokenizer.EosId!.Value] : _tokenizer.Encode(pair.Prompt) },
        Chosen = "other text",
        Rejected = "that is not encoded",
        ChosenSample = new Scored { SampleIndex = 0, Ids = { _tokenizer.Encode(pair.Chosen), _tokenizer.EosId!.Value } },
        RejectedSample = new Scored { SampleIndex = 1, Ids = { _tokenizer.Encode(pair.Rejected), _tokenizer.EosId!.Value } },
    };
}
