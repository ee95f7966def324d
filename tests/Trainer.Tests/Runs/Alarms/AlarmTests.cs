using System.Text.Json.Nodes;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs.Alarms;

namespace Rudder.Trainer.Tests.Runs.Alarms;

/// <summary>Each alarm is provoked by metrics that go wrong, and stays silent on metrics that do not.</summary>
public sealed class AlarmTests
{
    [Fact]
    public void LossAtLn2_PolicyThatDoesNotMove_SoundsAfter50Steps()
    {
        Assert.Equal([50], Sounds(new LossAtLn2(), 50, step => [("loss", 0.6931), ("rewards/margins", 0)]));
        Assert.Empty(Sounds(new LossAtLn2(), 80, step => [("loss", 0.6931 - (0.0001 * step)), ("rewards/margins", 0.001 * step)]));
        Assert.Empty(Sounds(new LossAtLn2(), 80, step => [("loss", 0.6931)])); // no preference loss
    }

    [Fact]
    public void SequenceKl_AboveTheLimit_Sounds() =>
        Assert.Equal([3], Sounds(new SequenceKl(10), 3, step => [("kl/seq_exact", 4 * step)]));

    [Fact]
    public void NegativeKl_BelowRounding_Sounds()
    {
        Assert.Equal([1], Sounds(new NegativeKl(), 1, _ => [("kl/seq_exact", -0.01)]));
        Assert.Empty(Sounds(new NegativeKl(), 1, _ => [("kl/seq_exact", -1e-6)]));
    }

    [Fact]
    public void FallingChosen_BothSidesPushedDown_Sounds()
    {
        Assert.NotEmpty(Sounds(new FallingChosen(), 60, step => [("logps/chosen", -100 - (0.5 * step))]));
        Assert.Empty(Sounds(new FallingChosen(), 60, step => [("logps/chosen", -100 - (3 * (step % 2)))]));
    }

    [Fact]
    public void RewardAccuracy_Coin_Sounds()
    {
        Assert.Equal([50], Sounds(new RewardAccuracy(), 50, step => [("accuracy", step % 2 == 0 ? 0.4 : 0.6), ("margin", 0)]));
        Assert.Empty(Sounds(new RewardAccuracy(), 60, _ => [("accuracy", 0.6), ("margin", 0.1)]));
    }

    [Theory]
    [InlineData(0.6, 1, true)] // each completion repeats itself
    [InlineData(0.1, 0.3, true)] // completions repeat each other
    [InlineData(0.1, 0.9, false)]
    public void RepetitiveSamples_Collapse_Sounds(double repetition, double distinct, bool sounds) =>
        Assert.Equal(sounds, Sounds(new RepetitiveSamples(), 1, _ => [("rollout/repetition", repetition), ("rollout/distinct", distinct)]).Count > 0);

    [Fact]
    public void DisagreeingJudge_RewardRisesWhileItFalls_Sounds()
    {
        Assert.NotEmpty(Sounds(new DisagreeingJudge("j"), 60, step => [("objective/scores", (0.01 * step) + Noise(step)), ("reward/j", (-0.01 * step) + Noise(step + 1))]));
        Assert.Empty(Sounds(new DisagreeingJudge("j"), 60, step => [("objective/scores", (0.01 * step) + Noise(step)), ("reward/j", (0.01 * step) + Noise(step + 1))]));
        Assert.Empty(Sounds(new DisagreeingJudge("j"), 60, step => [("objective/scores", Noise(step)), ("reward/j", Noise(step + 1))]));

        static double Noise(int step) => 0.05 * Math.Sin(7 * step);
    }

    [Fact]
    public void Run_KlAboveItsLimit_WarnsOnceAndIsRecorded()
    {
        using var world = new TinyTraining();
        ReinforceRecipe recipe = world.OnPolicy<ReinforceRecipe>(world.Policy(), "max_kl=0.0001");
        JsonNode[] alarms = [.. File.ReadLines(world.Train(recipe, "run").File("alarms.jsonl")).Select(line => JsonNode.Parse(line)!)];
        JsonNode alarm = Assert.Single(alarms, alarm => (string)alarm["alarm"]! == "sequence_kl");
        Assert.Equal(2, (int)alarm["step"]!); // the first step's completions are the reference's
        Assert.True((double)alarm["value"]! > 0.0001);
    }

    [Fact]
    public void Run_InterruptedAfterEveryStep_RecordsTheAlarmsOfARunWithoutABreak()
    {
        using var world = new TinyTraining();
        ReinforceRecipe recipe = world.OnPolicy<ReinforceRecipe>(world.Policy(), "max_kl=0.0001");
        string whole = File.ReadAllText(world.Train(recipe, "whole").File("alarms.jsonl"));
        Assert.Equal(whole, File.ReadAllText(world.TrainInterrupted(recipe, "pieces", out _).File("alarms.jsonl")));
    }

    [Fact]
    public void Check_AfterAResume_ContinuesTheWindowsAndDropsLaterLines()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("alarms.jsonl");
        File.WriteAllText(path, "{\"step\":10}\n{\"step\":50}\n{\"st");
        var still = new Dictionary<string, double> { ["loss"] = Math.Log(2), ["rewards/margins"] = 0 };
        List<string> shown = [];
        var bell = new AlarmBell(new PreferenceRecipe(), path, Enumerable.Repeat(still, 49), 49);
        Assert.Equal(["{\"step\":10}"], File.ReadAllLines(path));
        bell.Check(50, still, shown.Add);
        bell.Check(51, still, shown.Add); // goes on, and so stays silent
        Assert.StartsWith("alarm loss_at_ln2 at step 50", Assert.Single(shown), StringComparison.Ordinal);
        Assert.Equal(2, File.ReadAllLines(path).Length);

        shown.Clear();
        new AlarmBell(new PreferenceRecipe(), path, Enumerable.Repeat(still, 50), 50).Check(51, still, shown.Add);
        Assert.Empty(shown);
    }

    [Fact]
    public void Run_AlarmsStop_EndsTheRunAndKeepsTheLastCheckpoint()
    {
        using var world = new TinyTraining();
        ReinforceRecipe recipe = world.OnPolicy<ReinforceRecipe>(world.Policy(), "max_kl=0.0001", "alarms=stop", "checkpoint_every=1");
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => world.Train(recipe, "run"));
        Assert.StartsWith("alarm sequence_kl at step 2: kl/seq_exact is", error.Message, StringComparison.Ordinal);
        Assert.True(Directory.Exists(world.File("run/checkpoints/step-1")));
        Assert.False(Directory.Exists(world.File("run/model")));

        world.Resume(recipe with { Alarms = "warn" }, "run"); // alarms may change when a run is resumed
        Assert.True(File.Exists(world.File("run/done.json")));
    }

    /// <summary>Steps at which the alarm has a finding.</summary>
    private static List<int> Sounds(IAlarm alarm, int steps, Func<int, (string Name, double Value)[]> metrics) =>
        [.. Enumerable.Range(1, steps).Where(step => alarm.Check(metrics(step).ToDictionary(value => value.Name, value => value.Value)) is not null)];
}
