using Rudder.Checkpoints;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>What <c>trainer dpo</c> carries from step to step: BCO's mean reward and a reference that follows the policy.</summary>
public sealed class PreferenceStateTests : IDisposable
{
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Theory]
    [InlineData("loss=bco-pair")]
    [InlineData("loss={\"bco-pair\":0.5,\"sft\":1}", "batch.accumulation=2")]
    [InlineData("loss=aot")]
    [InlineData("reference.sync_every=2")]
    [InlineData("reference.sync_every=2", "reference.mixup=0.6", "loss=kto")]
    public void Run_InterruptedAfterEveryStep_EqualsUninterruptedBitForBit(params string[] sets)
    {
        PreferenceRecipe recipe = _world.Preference([.. sets, "dropout=0.1"]);
        RunFolder whole = _world.Train(recipe, "whole");
        RunFolder pieces = _world.TrainInterrupted(recipe, "pieces", out int stops);
        string[] losses = TinyTraining.Logged(whole, "loss");
        Assert.Equal(losses.Length - 1, stops);
        Assert.Equal(losses, TinyTraining.Logged(pieces, "loss"));
        Assert.Equal(TinyTraining.Logged(whole, "rewards/margins"), TinyTraining.Logged(pieces, "rewards/margins"));
        Assert.Equal(Evaluations(whole), Evaluations(pieces));
        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(pieces.File("model/model.safetensors")));
    }

    [Fact]
    public void Run_ReferenceReplacedByThePolicy_StartsAgainAtLn2()
    {
        RunFolder run = _world.Train(_world.Preference("reference.sync_every=4"), "run");
        double[] losses = [.. TinyTraining.Logged(run, "loss").Select(Number)];
        Assert.Equal(Math.Log(2), losses[0], 1e-6);
        Assert.All(losses[1..4], loss => Assert.NotEqual(Math.Log(2), loss, 1e-3));
        Assert.Equal(Math.Log(2), losses[4], 1e-6); // the first step after the move
        Assert.NotEqual(Math.Log(2), losses[5], 1e-3);
    }

    [Fact]
    public void Run_ReferenceFrozen_GivesWhatAReferenceThatNeverMovedGives()
    {
        RunFolder frozen = _world.Train(_world.Preference(), "frozen");
        RunFolder scored = _world.Train(_world.Preference("reference.sync_every=1000"), "scored"); // scored with every batch
        Assert.All(
            TinyTraining.Logged(frozen, "loss").Zip(TinyTraining.Logged(scored, "loss")),
            both => Assert.Equal(Number(both.First), Number(both.Second), 1e-4)); // other batches, so other roundings
    }

    [Fact]
    public void Run_ReferenceMovedByAShare_LiesBetweenItsStartAndThePolicy()
    {
        RunFolder run = _world.Train(_world.Preference("reference.sync_every=3", "reference.mixup=0.25", "max_steps=3"), "run");
        using var start = Weights.Open(FixtureFiles.Folder("tiny-gpt2"));
        using var policy = Weights.OpenFile(run.File("checkpoints/step-3/weights.safetensors"));
        using var reference = Weights.OpenFile(run.File("checkpoints/step-3/more.safetensors"));
        const string Name = "h.1.mlp.c_fc.weight";
        float[] before = start.ReadFloat32("transformer." + Name, 32, 128), after = policy.ReadFloat32(Name, 32, 128), moved = reference.ReadFloat32("reference/" + Name, 32, 128);
        Assert.Contains(before.Zip(after), both => Math.Abs(both.First - both.Second) > 1e-3);
        Assert.All(Enumerable.Range(0, before.Length), i => Assert.Equal((0.75f * before[i]) + (0.25f * after[i]), moved[i], 1e-6f));
    }

    [Fact]
    public void Run_ReferenceOfOtherSizes_IsRefused()
    {
        RunFolder other = _world.Train(_world.Sft("max_steps=1", "schedule.warmup_steps=0"), "other");
        BadInputException error = Assert.Throws<BadInputException>(() =>
            _world.Train(_world.Preference("reference.sync_every=2", $"reference.folder={other.Model}"), "run"));
        Assert.Contains("reference.sync_every is 2", error.Message, StringComparison.Ordinal);
        Assert.Contains(other.Model, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_MixOfLossesWithoutReference_ScoresNone()
    {
        RunFolder run = _world.Train(_world.Preference("loss={\"simpo\":1,\"sft\":0.5}", "max_steps=1"), "run");
        Assert.False(Directory.Exists(_world.File("reference-cache")));
        Assert.DoesNotContain("rewards/", File.ReadAllText(run.Metrics), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_SftWithAccumulation_GivesTheLossOfOneBatch()
    {
        RunFolder one = _world.Train(_world.Preference("loss=sft", "batch.groups=6", "epochs=1"), "one");
        RunFolder parts = _world.Train(_world.Preference("loss=sft", "batch.groups=1", "batch.accumulation=6", "epochs=1"), "parts");
        Assert.Equal(Number(Assert.Single(TinyTraining.Logged(one, "loss"))), Number(Assert.Single(TinyTraining.Logged(parts, "loss"))), 1e-5); // float32 losses of tens of nats, summed in another order
    }

    private static double Number(string logged) => double.Parse(logged[(logged.IndexOf(':', StringComparison.Ordinal) + 1)..], System.Globalization.CultureInfo.InvariantCulture);

    private static string[] Evaluations(RunFolder run) => [.. File.ReadLines(run.Metrics).Where(line => line.Contains("\"split\":\"eval\"", StringComparison.Ordinal))];
}
