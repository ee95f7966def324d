using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Commands;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

public sealed class DataInspectionTests : IDisposable
{
    private readonly TinyTraining _world = new();
    private readonly string _policy;
    private readonly TextTokenizer _tokenizer;

    public DataInspectionTests()
    {
        _policy = _world.Policy();
        _tokenizer = TextTokenizer.Load(_policy)!;
    }

    public void Dispose() => _world.Dispose();

    [Fact]
    public void First_PairsOfTexts_LearnTheCompletionAndItsEnd()
    {
        File.WriteAllText(_world.File("pairs.csv"), "prompt,chosen,rejected\nthe film, was great, was dull\nthe story, was fine, was poor\n");

        DataSequence[] shown = First("dpo", "pairs=" + _world.File("pairs.csv"), 3);

        Assert.Equal(["chosen", "rejected", "chosen"], shown.Select(sequence => sequence.Part));
        Assert.Equal([.. _tokenizer.Encode("the film"), .. _tokenizer.Encode(" was great"), _tokenizer.EosId!.Value], shown[0].Ids);
        Assert.Equal(_tokenizer.Encode("the film").Length, shown[0].LearnedFrom);
    }

    [Fact]
    public void First_RowsWithALabel_NameTheirJudgement()
    {
        File.WriteAllText(_world.File("rows.csv"), "prompt,completion,label\nthe film, was great,1\nthe story, was dull,0\n");
        Assert.Equal(["desirable", "undesirable"], First("kto", "rows=" + _world.File("rows.csv"), 9).Select(sequence => sequence.Part));
    }

    [Fact]
    public void First_TextsOfSft_AreLearnedFromTheSecondToken()
    {
        File.WriteAllText(_world.File("texts.jsonl"), "{\"text\": \"the film was great\"}\n{\"prompt\": \"the story\", \"completion\": \" was dull\"}\n");
        string model = JsonSerializer.Serialize(_policy), file = JsonSerializer.Serialize(_world.File("texts.jsonl"));
        File.WriteAllText(_world.File("recipe.json"), $$"""{"model": {{model}}, "data": {"files": [{{file}}], "mode": "reviews", "held_out": 0} }""");

        var (_, shown) = DataInspection.First(new RunRequest { Command = "sft", Recipe = _world.File("recipe.json") }, 4);

        Assert.Equal([1, _tokenizer.Encode("the story").Length], shown.Select(sequence => sequence.LearnedFrom));
    }

    [Fact]
    public void Readable_SpecialTokensAndControlCharacters_AreNamed()
    {
        Assert.Equal("<|endoftext|>", DataCommand.Readable(_tokenizer, _tokenizer.EosId!.Value));
        Assert.Equal("\\n", DataCommand.Readable(_tokenizer, _tokenizer.Encode("\n")[0]));
        Assert.Equal("\\xc3\\xa9", string.Concat(_tokenizer.Encode("é").Select(id => DataCommand.Readable(_tokenizer, id))));
    }

    [Fact]
    public void Inspect_ARowThatCannotBeUsed_EndsWithExitCode2()
    {
        File.WriteAllText(_world.File("pairs.csv"), "prompt,chosen,rejected\nthe film, was great,\n");
        File.WriteAllText(_world.File("recipe.json"), $$"""{"model": {{JsonSerializer.Serialize(_policy)}}}""");

        (int code, string error) = TrainerProgram.Run(
            "data", "inspect", "dpo", "--recipe", _world.File("recipe.json"), "--set", "pairs=" + _world.File("pairs.csv"));

        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("pairs.csv:2", error, StringComparison.Ordinal);
    }

    private DataSequence[] First(string command, string data, int count)
    {
        File.WriteAllText(_world.File("recipe.json"), $$"""{"model": {{JsonSerializer.Serialize(_policy)}}}""");
        return [.. DataInspection.First(new RunRequest { Command = command, Recipe = _world.File("recipe.json"), Sets = [data] }, count).Sequences];
    }
}
