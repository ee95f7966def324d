using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

public class FinishedRunTests
{
    [Fact]
    public void Write_SaveFails_KeepsTheOldModelButNotItsDoneFile()
    {
        using var world = new TinyTraining();
        SftRecipe recipe = world.Sft();
        RunRequest request = world.Request("run");
        using var run = RunFolder.Open(request, "tiny", 3);
        Directory.CreateDirectory(run.Model);
        File.WriteAllText(run.File("model/config.json"), "old");
        File.WriteAllText(run.Done, "old");
        using var session = new TrainingSession(recipe, run, request, TrainingState.Start, 1, 1);
        Assert.Throws<IOException>(() => FinishedRun.Write(run, request, recipe, session, [], _ => throw new IOException("disk full")));
        Assert.Equal("old", File.ReadAllText(run.File("model/config.json")));
        Assert.False(File.Exists(run.Done));
    }
}
