using System.Text.Json;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

public class ClassifierTests
{
    [Fact]
    public void Run_InterruptedAfterEveryStep_EqualsUninterruptedBitForBit()
    {
        using var world = new TinyTraining();
        ClassifierRecipe recipe = world.Classifier();
        RunFolder whole = world.Train(recipe, "whole");
        RunFolder pieces = world.TrainInterrupted(recipe, "pieces", out int stops);
        string[] losses = TinyTraining.Logged(whole, "loss");
        Assert.Equal(6, losses.Length);
        Assert.Equal(5, stops);
        Assert.Equal(losses, TinyTraining.Logged(pieces, "loss"));
        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(pieces.File("model/model.safetensors")));
    }

    [Fact]
    public void Run_SeparableReviews_LearnsThem()
    {
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Classifier("epochs=60", "dropout=0", "checkpoint_every=0", $"data.test=[\"{world.Reviews}\"]"), "run");
        JsonElement final = JsonDocument.Parse(File.ReadAllText(run.Done)).RootElement.GetProperty("final");
        Assert.InRange(final.GetProperty("test/accuracy").GetDouble(), 0.9, 1); // chance is 0.5
        Assert.InRange(final.GetProperty("test/opening_accuracy").GetDouble(), 0.6, 1);
    }

    [Fact]
    public void Run_UnlabelledReview_IsRefusedByItsId()
    {
        using var world = new TinyTraining();
        File.AppendAllText(world.Reviews, "{\"id\":\"train/odd\",\"text\":\"no label here\"}\n");
        BadInputException error = Assert.Throws<BadInputException>(() => world.Train(world.Classifier("data.held_out=0"), "run"));
        Assert.Contains("train/odd", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OneLabelOnly_IsRefusedByItsName()
    {
        using var world = new TinyTraining();
        string[] positive = [.. File.ReadLines(world.Reviews).Where(line => line.Contains("\"label\":1", StringComparison.Ordinal))];
        File.WriteAllLines(world.Reviews, positive);
        BadInputException error = Assert.Throws<BadInputException>(() => world.Train(world.Classifier("data.held_out=0"), "run"));
        Assert.Contains("label 1 (POSITIVE)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_CropLongerThanContext_IsRefusedWithTheLimit()
    {
        using var world = new TinyTraining();
        BadInputException error = Assert.Throws<BadInputException>(() => world.Train(world.Classifier("data.max_length=15"), "run"));
        Assert.Contains("data.max_length is 15", error.Message, StringComparison.Ordinal);
        Assert.Contains("14", error.Message, StringComparison.Ordinal);
    }
}
