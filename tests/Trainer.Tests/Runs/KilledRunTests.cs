using System.Diagnostics;
using Rudder.Tests;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

/// <summary>Kills the trainer with SIGKILL where it deletes old checkpoints and where it exports; the resumed run equals the undisturbed one bit for bit.</summary>
public sealed class KilledRunTests : IDisposable
{
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task Sft_KilledWhileItDeletesCheckpoints_EqualsTheUndisturbedRun()
    {
        SftRecipe recipe = _world.Sft("checkpoint_every=1", "keep_checkpoints=1", "epochs=10");
        RunFolder whole = _world.Train(recipe, "whole");
        string file = _world.File("tiny.json"), output = _world.File("killed");
        File.WriteAllText(file, RecipeReader.Write(recipe));

        await KillOnAsync(["sft", "--recipe", file, "--output", output], output, entry => entry.EndsWith(".old", StringComparison.Ordinal));
        for (int kill = 0; kill < 2; kill++)
        {
            await KillOnAsync(["sft", "--resume", output], output, entry => entry.EndsWith(".old", StringComparison.Ordinal));
            RequireSound(output);
        }

        _world.Resume(recipe, "killed");
        RequireEqual(whole, output);
    }

    [Fact]
    public async Task Sft_KilledWhileItExports_EqualsTheUndisturbedRun()
    {
        SftRecipe recipe = _world.Sft("export.fp32=true");
        RunFolder whole = _world.Train(recipe, "whole");
        string file = _world.File("tiny.json"), output = _world.File("killed");
        File.WriteAllText(file, RecipeReader.Write(recipe));

        await KillOnAsync(["sft", "--recipe", file, "--output", output], output, entry => entry.EndsWith(".onnx", StringComparison.Ordinal));
        string export = Path.Combine(output, "model.tmp");
        Assert.True(File.Exists(Path.Combine(export, "model.safetensors"))); // the model was saved, its export had begun and was not published
        Assert.NotEmpty(Directory.GetDirectories(export, ".onnx.partial"));
        Assert.False(Directory.Exists(Path.Combine(output, "model")));
        _world.Resume(recipe, "killed");

        RequireEqual(whole, output);
        foreach (string graph in Directory.GetFiles(whole.File("model"), "*.onnx*", SearchOption.AllDirectories))
        {
            string twin = Path.Combine(output, "model", Path.GetRelativePath(whole.Model, graph));
            Assert.True(File.ReadAllBytes(graph).AsSpan().SequenceEqual(File.ReadAllBytes(twin)), twin);
        }
    }

    /// <summary>Starts the trainer and kills it at the first file or folder in the run that <paramref name="moment"/> accepts.</summary>
    private async Task KillOnAsync(string[] arguments, string output, Func<string, bool> moment)
    {
        Directory.CreateDirectory(output);
        using var watcher = new FileSystemWatcher(output) { IncludeSubdirectories = true };
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        watcher.Created += (_, change) => Check(change.FullPath);
        watcher.Renamed += (_, change) => Check(change.FullPath);
        watcher.EnableRaisingEvents = true;
        string trainer = Path.ChangeExtension(typeof(RunFolder).Assembly.Location, ".dll");
        using Process process = Process.Start(ProgramStart.Info("dotnet", [trainer, .. arguments]))!;
        Task<(int Code, string Output, string Error)> end = ProgramEnd.OfAsync(process);
        await Task.WhenAny(reached.Task, end);
        if (!process.HasExited)
        {
            process.Kill();
        }

        (int code, _, string error) = await end;
        Assert.True(reached.Task.IsCompleted, $"exit {code} before the moment to kill it: {error}");

        void Check(string path)
        {
            if (moment(path))
            {
                reached.TrySetResult();
            }
        }
    }

    private static void RequireSound(string output)
    {
        using var run = RunFolder.Open(new RunRequest { Recipe = "tiny.json", Resume = output, Progress = TextWriter.Null }, "tiny", 3);
        Assert.NotNull(CheckpointFolder.OpenNewest(run));
    }

    private static void RequireEqual(RunFolder whole, string output)
    {
        using var run = RunFolder.Open(new RunRequest { Recipe = "tiny.json", Resume = output, Progress = TextWriter.Null }, "tiny", 3);
        Assert.Equal(TinyTraining.Logged(whole, "loss"), TinyTraining.Logged(run, "loss"));
        Assert.Equal(File.ReadLines(whole.Metrics).Count(), File.ReadLines(run.Metrics).Count());
        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(run.File("model/model.safetensors")));
        Assert.True(File.Exists(run.Done));
    }
}
