using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using Rudder.Trainer.Tests;

namespace Rudder.Trainer.Soak;

/// <summary>Kills the trainer at random points of a run. The resumed run ends with the weights of an undisturbed run, bit for bit.</summary>
[Collection(nameof(TrainingCollection))]
public sealed class ResumeTests : IDisposable
{
    private const int Kills = 20;
    private const int MostTries = 2 * Kills;                 // a run that ends before its kill is tried again at another point
    private const int MostDelay = 40;                        // milliseconds: a few steps of these models, so that kills fall between log lines too
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Theory]
    [InlineData("sft")]
    [InlineData("dpo")]
    [InlineData("ppo")]
    public async Task Resume_KilledOnce_EqualsTheUndisturbedRun(string command)
    {
        Subject subject = Open(command);
        var point = new KillPoint(subject.Steps / 3, TimeSpan.Zero);
        bool hit = false;
        for (int tries = 0; tries < 3 && !hit; tries++)      // a busy machine may notice the step only after the end
        {
            hit = await KillAndResumeAsync(subject, point, $"try-{tries}");
        }

        Assert.True(hit, $"{command} ended before it was killed {point}");
    }

    [Fact(Explicit = true)]
    [Trait("Soak", "resume")]
    public async Task Resume_KilledAtTwentyRandomPoints_EqualsTheUndisturbedRuns()
    {
        var random = new Random(20);
        var subjects = TrainingRecipes.Commands.Select(Open).ToArray();
        (int kills, int tries) = (0, 0);
        while (kills < Kills)
        {
            Assert.True(tries < MostTries, $"only {kills} kills hit a running program in {tries} tries");
            Subject subject = subjects[kills % subjects.Length];
            var point = new KillPoint(random.Next(subject.Steps + 1), TimeSpan.FromMilliseconds(random.Next(MostDelay)));
            bool hit = await KillAndResumeAsync(subject, point, $"try-{tries++}");
            kills += hit ? 1 : 0;
            TestContext.Current.TestOutputHelper!.WriteLine(
                $"{subject.Command}: {(hit ? "killed" : "ended before the kill")} {point} of {subject.Steps}; equal to the undisturbed run");
        }
    }

    private Subject Open(string command)
    {
        TrainingRecipe recipe = TrainingRecipes.Of(command, _world, "checkpoint_every=2", "epochs=6");
        string file = _world.File(command + ".json");
        File.WriteAllText(file, RecipeReader.Write(recipe));
        RunFolder whole = _world.Train(recipe, command + "-whole");
        return new Subject(command, file, whole, TinyTraining.Logged(whole, "loss").Length);
    }

    /// <summary>Starts a run, kills it, resumes it to its end and compares it with the undisturbed one.</summary>
    /// <returns>Whether the kill hit.</returns>
    private async Task<bool> KillAndResumeAsync(Subject subject, KillPoint point, string name)
    {
        string output = _world.File($"{subject.Command}-{name}");
        bool hit = await TrainerProcess.KillAsync(
            point, Path.Combine(output, "metrics.jsonl"), subject.Command, "--recipe", subject.Recipe, "--output", output);
        (int code, string error) = await TrainerProcess.RunAsync(subject.Command, "--resume", output);
        Assert.True(code == ExitCodes.Done, $"{subject.Command}, killed {point}: {error}");
        RequireEqual(subject, output, point);
        return hit;
    }

    private static void RequireEqual(Subject subject, string output, KillPoint point)
    {
        using var run = RunFolder.Open(new RunRequest { Recipe = subject.Recipe, Resume = output, Progress = TextWriter.Null }, "tiny", 3);
        byte[] expected = File.ReadAllBytes(subject.Whole.File("model/model.safetensors"));
        bool same = File.ReadAllBytes(run.File("model/model.safetensors")).AsSpan().SequenceEqual(expected);
        Assert.True(same, $"{subject.Command}, killed {point}: the final weights differ");
        Assert.Equal(TinyTraining.Logged(subject.Whole, "loss"), TinyTraining.Logged(run, "loss"));
        Assert.True(File.Exists(run.Done));
    }

    /// <summary>A recipe and its undisturbed run.</summary>
    private sealed record Subject(string Command, string Recipe, RunFolder Whole, int Steps);
}
