using System.Text.Json.Nodes;
using Rudder.Datasets;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Tests.Data;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Runs.Alarms;

/// <summary>Short trainings that go wrong in the way an alarm is for, and stop there.</summary>
public sealed class AlarmRunTests : IDisposable
{
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public void Dpo_LearningRateZero_LossStaysAtLn2() =>
        Assert.Equal(50, StopStep("loss_at_ln2", _world.Preference("optimizer.learning_rate=0", "epochs=20", "evaluate_every=0")));

    /// <summary>Half of the labels are swapped: every prompt is there twice, with opposite judgements.</summary>
    [Fact]
    public void Reward_ShuffledLabels_AccuracyIsThatOfACoin()
    {
        RewardRecipe recipe = _world.Reward("batch.groups=64", "epochs=60", "evaluate_every=0", "optimizer.learning_rate=0.01");
        PreferencePairs.Write(_world.File("pairs.jsonl"), [.. SamplePairs.Random(6, 2, seed: 5).SelectMany(pair =>
        {
            Rudder.Preference.V1.PreferencePair swapped = pair.Clone();
            (swapped.PromptId, swapped.ChosenSample, swapped.RejectedSample) =
                (pair.PromptId + "/swapped", pair.RejectedSample.Clone(), pair.ChosenSample.Clone());
            return new[] { pair, swapped };
        })]);
        Assert.Equal(50, StopStep("reward_accuracy", recipe));
    }

    [Fact]
    public void Grpo_RewardForRepeating_SamplesRepeat() =>
        Assert.True(StopStep("repetitive_samples", OnPolicy("grpo", "epochs=40", "optimizer.learning_rate=0.03", "max_kl=0")) > 1);

    [Fact]
    public void Reinforce_PolicyLeavesItsReference_KlPassesItsLimit() =>
        Assert.True(StopStep("sequence_kl", OnPolicy("reinforce", "epochs=40", "optimizer.learning_rate=0.03", "max_kl=5")) > 1);

    [Fact]
    public void Dpo_RateFarTooLarge_ChosenFall() =>
        Assert.True(StopStep("falling_chosen", _world.Preference("optimizer.learning_rate=0.02", "epochs=30", "evaluate_every=0")) > 20);

    [Fact]
    public void Rloo_JudgeThatCountsOtherLetters_FallsWhileTheRewardRises()
    {
        const string Rewards = """rewards=[{"name":"letter","kind":"regex","pattern":"e","max_matches":20},{"name":"judge","kind":"regex","pattern":"[^e]","max_matches":100,"weight":0}]""";
        Assert.True(StopStep("judge_disagrees/judge", OnPolicy("rloo", Rewards, "epochs=30", "optimizer.learning_rate=0.003", "max_kl=0"), stops: false) >= 40);
    }

    /// <summary>Each step multiplies every weight by −9, until one overflows.</summary>
    [Fact]
    public void Sft_WeightsThatGrowWithoutBound_StopNamingTheFirstTensor()
    {
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => _world.Train(
            _world.Sft("optimizer.weight_decay=10", "optimizer.learning_rate=1", "schedule.name=constant", "epochs=100", "evaluate_every=0", "checkpoint_every=4"), "run"));
        Assert.Matches(@"^Step \d+ gave loss \S+ and gradient norm \S+, first in (weight )?\S+( output)?; batch: train/", error.Message);
        RequireKept();
    }

    /// <summary>Weights that are finite, as every file holds them, but whose products overflow. FiniteCheckTests has NaN weights.</summary>
    [Theory]
    [InlineData("sft")]
    [InlineData("reward")]
    [InlineData("dpo")]
    [InlineData("kto")]
    public void Run_ForwardPassThatOverflows_StopsNamingTheFirstTensor(string command)
    {
        string sound = $"reference={FixtureFiles.Folder("tiny-gpt2")}", pairs = $"pairs={_world.File("pairs.jsonl")}";
        string broken = Overflowing(command == "sft" ? _world.Policy() : FixtureFiles.Folder("tiny-gpt2"), "h.1.mlp.c_fc.weight");
        _world.Preference(); // writes the pairs
        TrainingRecipe recipe = command switch
        {
            "sft" => _world.Sft() with { Architecture = null, Tokenizer = _world.LanguageTokenizer },
            "reward" => _world.Reward(),
            "kto" => _world.Kto(pairs, sound),
            _ => _world.Preference(sound),
        };
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => _world.Train(recipe with { Model = broken }, "run"));
        Assert.StartsWith("Step 1 gave loss NaN and gradient norm NaN, first in h.1.mlp.c_fc output; batch: ", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_world.File("run/model")) || Directory.Exists(_world.File("run/checkpoints")));
    }

    private OnPolicyRecipe OnPolicy(string command, params string[] sets) => _world.OnPolicy(command, _world.Policy(), sets);

    /// <summary>Trains until the alarm sounds.</summary>
    /// <param name="alarm">Its name.</param>
    /// <param name="recipe">The recipe.</param>
    /// <param name="stops">Whether it is the first alarm and stops the run; otherwise the run goes on to its end.</param>
    /// <returns>The step at which it sounded.</returns>
    private int StopStep(string alarm, TrainingRecipe recipe, bool stops = true)
    {
        if (stops)
        {
            WorkFailedException error = Assert.Throws<WorkFailedException>(() => _world.Train(recipe with { Alarms = "stop", CheckpointEvery = 1 }, "run"));
            Assert.StartsWith($"alarm {alarm} at step ", error.Message, StringComparison.Ordinal);
            RequireKept();
        }
        else
        {
            _world.Train(recipe, "run");
        }

        JsonNode line = File.ReadLines(_world.File("run/alarms.jsonl")).Select(text => JsonNode.Parse(text)!).First(line => (string)line["alarm"]! == alarm);
        return (int)line["step"]!;
    }

    /// <summary>The last checkpoint stays, and no model is written.</summary>
    private void RequireKept()
    {
        Assert.NotEmpty(Directory.GetDirectories(_world.File("run/checkpoints"), "step-*"));
        Assert.False(Directory.Exists(_world.File("run/model")));
    }

    /// <summary>A copy of a model with huge values in one tensor.</summary>
    private string Overflowing(string folder, string name)
    {
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(folder, CPU, 0);
        using (no_grad())
        {
            model.Parameters.Single(parameter => parameter.Name == name).Value.fill_(3e38f);
        }

        ModelFolder.Save(model, _world.File("broken"), null, Rudder.Checkpoints.WeightType.F32);
        return _world.File("broken");
    }
}
