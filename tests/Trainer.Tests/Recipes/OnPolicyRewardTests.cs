using System.Text.Json.Nodes;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using Rudder.Trainer.Tests.Data;
using Rudder.Trainer.Tests.Rl;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>On-policy runs whose rewards or models are away, wrong or elsewhere.</summary>
public sealed class OnPolicyRewardTests : IDisposable
{
    private readonly TinyTraining _world = new();
    private readonly string _policy;
    private bool _away;
    private int _calls;

    public OnPolicyRewardTests() => _policy = _world.Policy();

    public void Dispose() => _world.Dispose();

    /// <summary>The steps between two evaluations are not lost, whether a training step or an evaluation finds the endpoint away.</summary>
    [Theory]
    [InlineData("reinforce", "evaluate_every=0")]
    [InlineData("reinforce", "evaluate_every=2")] // the third call is that of the evaluation after step 2
    [InlineData("rloo", "evaluate_every=0")]
    [InlineData("grpo", "evaluate_every=0")]
    [InlineData("ppo", "evaluate_every=0")]
    [InlineData("online-dpo", "evaluate_every=0")]
    public void Run_EndpointAway_SavesAndResumesElsewhereToTheWeightsOfARunWithoutABreak(string command, string evaluate)
    {
        using RewardServer server = Server(answers: 2), moved = Server(answers: int.MaxValue);
        string[] sets = [evaluate, "prompts.held_out=6"];
        _away = true;
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => _world.Train(Recipe(server, 0, sets, command), "run"));
        Assert.Contains("Stopped after step 2 of 6; saved.", error.Message, StringComparison.Ordinal);
        Assert.Contains($"--resume {_world.File("run")}", error.Message, StringComparison.Ordinal);

        _away = false;
        OnPolicyRecipe elsewhere = Recipe(moved, 1, [.. sets, "max_logp_gap=0.01"], command);
        _world.Resume(elsewhere, "run");
        RunFolder whole = _world.Train(elsewhere, "whole");
        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(_world.File("run/model/model.safetensors")));
    }

    [Fact]
    public void Run_EndpointAwayAtTheStart_SaysThatNothingIsSaved()
    {
        using RewardServer server = Server(answers: 0);
        _away = true;
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => _world.Train(Recipe(server, 0, []), "run"));
        Assert.Contains("Stopped after step 0 of 8; there is nothing to save yet.", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_world.File("run/checkpoints")));
    }

    [Fact]
    public void Run_RewardModel_ScoresThePolicysIds()
    {
        string model = RewardModel();
        RunFolder run = _world.Train(_world.OnPolicy("rloo", _policy, $$"""rewards=[{"name":"r","kind":"reward_model","model":"{{model}}"}]""", "max_steps=2"), "run");
        Assert.All(TinyTraining.Values(run, "reward/r"), score => Assert.True(double.IsFinite(score)));
        Assert.NotEqual(0, TinyTraining.Values(run, "reward/r")[0]);
    }

    [Fact]
    public void Run_SecondRewardCannotBeLoaded_LeavesNoExportOfTheFirst()
    {
        string classifier = _world.Train(_world.Classifier("max_steps=1"), "classifier").Model;
        string rewards = $$"""rewards=[{"name":"a","kind":"classifier","model":"{{classifier}}"},{"name":"b","kind":"classifier","model":"{{classifier}}","label":"NONE"}]""";
        BadInputException error = Assert.Throws<BadInputException>(() => _world.Train(_world.OnPolicy("reinforce", _policy, rewards), "run"));
        Assert.Contains("NONE", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_world.File("run/rollouts")));
    }

    [Theory]
    [InlineData("ppo", "value_model")]
    [InlineData("ppo", "reference")]
    [InlineData("rloo", "reference")]
    public void Run_ModelThatCannotReadTheCompletions_IsRefusedBeforeAnythingIsWritten(string command, string key)
    {
        string narrow = _world.Train(_world.Sft("max_steps=1", "schedule.warmup_steps=0", "architecture.context=8"), "narrow").Model;
        foreach ((string folder, string problem) in new[] { (FixtureFiles.Folder("tiny-gpt2"), "a vocabulary of 512"), (narrow, "a context of 8 tokens") })
        {
            BadInputException error = Assert.Throws<BadInputException>(() => _world.Train(_world.OnPolicy(command, _policy, $"{key}={folder}"), problem));
            Assert.StartsWith($"{key} {folder} has {problem}", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(_world.File(problem)), entry => entry.EndsWith(".json", StringComparison.Ordinal) || Directory.Exists(entry));
        }
    }

    [Fact]
    public void Run_ValueModel_ItsConfigIsAnInput()
    {
        string value = _world.Train(_world.Sft("max_steps=1", "schedule.warmup_steps=0", "seed=4"), "value").Model;
        RunFolder run = _world.Train(_world.OnPolicy("ppo", _policy, $"value_model={value}", "max_steps=1"), "run");
        var inputs = (JsonObject)JsonNode.Parse(File.ReadAllText(run.File("identity.json")))!["inputs"]!;
        Assert.Contains(Path.Combine(value, "config.json"), inputs.Select(input => input.Key));
    }

    private string RewardModel()
    {
        RewardRecipe recipe = _world.Reward($"model={_policy}", "evaluation_pairs=null", "max_steps=1");
        Rudder.Datasets.PreferencePairs.Write(_world.File("pairs.jsonl"), [SamplePairs.Pair("a", [1, 2], (0, [3, 4]), (1, [5]))]);
        return _world.Train(recipe, "reward").Model;
    }

    private OnPolicyRecipe Recipe(RewardServer server, int retries, string[] sets, string command = "reinforce") => _world.OnPolicy(
        command, _policy, [$$"""rewards=[{"name":"http","kind":"http","url":"{{server.Address}}","retries":{{retries}}}]""", .. sets]);

    /// <summary>Counts the letter e. While away, it answers so many calls and then none.</summary>
    private RewardServer Server(int answers) => new(request => _away && ++_calls > answers ? (503, string.Empty) : (200, new JsonObject
    {
        ["rewards"] = new JsonArray([.. request["completions"]!.AsArray().Select(completion => JsonValue.Create(((string)completion!).Count(letter => letter == 'e')))]),
    }.ToJsonString()));
}
