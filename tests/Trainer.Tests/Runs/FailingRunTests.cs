using System.Diagnostics;
using Rudder.Datasets;
using Rudder.Tests;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using Rudder.Trainer.Tests.Data;

namespace Rudder.Trainer.Tests.Runs;

/// <summary>What stops a run from outside: a full disk, a place that cannot be written, a damaged checkpoint, broken data. Nothing is half-written.</summary>
public sealed class FailingRunTests : IDisposable
{
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    /// <summary>Commands whose own files go beside the common ones: caches, exports of rollouts, a value model.</summary>
    public static TheoryData<string> Commands => ["sft", "classifier", "dpo", "kto", "reward", "grpo", "ppo"];

    /// <summary>Weights do not fit on a disk of 64 KiB. Once there is room, the run ends as if nothing had been.</summary>
    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Run_FullDisk_ExitsWith3NamingTheFileAndResumes(string command)
    {
        await SkipWithoutMountsAsync();
        TrainingRecipe recipe = Recipe(command);
        string file = _world.File("tiny.json"), full = _world.File("full"), kept = _world.File("run");
        File.WriteAllText(file, RecipeReader.Write(recipe));
        (int code, string error) = await OnFullDiskAsync(full, kept, command, "--recipe", file, "--output", full);

        Assert.True(code == ExitCodes.Failed, $"exit {code}: {error}");
        Assert.Contains($"No space left on device : '{full}/", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        RequireNothingHalfWritten(kept);

        RunFolder whole = _world.Train(recipe, "whole");
        _world.Resume(recipe, "run");
        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(Path.Combine(kept, "model/model.safetensors")));
    }

    /// <summary>Root may write to read-only folders, but not below a file or into /proc.</summary>
    [Theory]
    [InlineData("file")]
    [InlineData("/proc/rudder-run")]
    public void Start_FolderThatCannotBeWritten_ExitsNamingIt(string place)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || place == "file", "needs /proc");
        string file = _world.File("tiny.json"), output = place == "file" ? Path.Combine(file, "run") : place;
        File.WriteAllText(file, RecipeReader.Write(_world.Sft()));
        (int code, string error) = TrainerProgram.Run("sft", "--recipe", file, "--output", output);
        Assert.True(code is ExitCodes.BadInput or ExitCodes.Failed, $"exit {code}: {error}");
        Assert.Contains(place == "file" ? file : output, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Dpo_CacheThatCannotBeWritten_ExitsNamingIt()
    {
        string file = _world.File("tiny.json"), output = _world.File("run");
        File.WriteAllText(file, RecipeReader.Write(_world.Preference($"reference_cache={_world.Reviews}/cache")));
        (int code, string error) = TrainerProgram.Run("dpo", "--recipe", file, "--output", output);
        Assert.True(code is ExitCodes.BadInput or ExitCodes.Failed, $"exit {code}: {error}");
        Assert.Contains(_world.Reviews, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        RequireNothingHalfWritten(output);
    }

    [Theory]
    [InlineData("classifier")]
    [InlineData("kto")]
    [InlineData("reward")]
    [InlineData("grpo")]
    [InlineData("ppo")]
    public void Resume_DamagedOrMissingCheckpoint_ExitsWith2NamingIt(string command)
    {
        RunFolder run = _world.Train(Recipe(command), "run");
        string newest = Directory.GetDirectories(run.Checkpoints).MaxBy(folder => int.Parse(Path.GetFileName(folder)["step-".Length..], null))!;
        byte[] model = File.ReadAllBytes(run.File("model/model.safetensors"));
        foreach (string file in Directory.GetFiles(newest, "*.safetensors"))
        {
            byte[] bytes = File.ReadAllBytes(file);
            bytes[^1] ^= 1;
            File.WriteAllBytes(file, bytes);
            Refused(Path.GetFileName(file));
            bytes[^1] ^= 1;
            File.WriteAllBytes(file, bytes);
        }

        foreach (string folder in Directory.GetDirectories(run.Checkpoints))
        {
            Directory.Delete(folder, recursive: true);
        }

        Refused("checkpoints are missing");
        Assert.Equal(model, File.ReadAllBytes(run.File("model/model.safetensors")));

        void Refused(string what)
        {
            (int code, string error) = TrainerProgram.Run(command, "--resume", run.Path);
            Assert.Equal(ExitCodes.BadInput, code);
            Assert.Contains(what, error, StringComparison.Ordinal);
        }
    }

    public static TheoryData<string, string> BrokenPairs
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (string command in new[] { "dpo", "kto", "reward" })
            {
                foreach (string problem in new[] { "broken line", "empty completion", "long prompt", "foreign id" })
                {
                    all.Add(command, problem);
                }
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(BrokenPairs))]
    public void Run_BrokenPair_IsRefusedByFileAndLineBeforeAnythingIsWritten(string command, string problem)
    {
        TrainingRecipe recipe = Recipe(command);
        string pairs = _world.File("pairs.jsonl");
        int[] long64 = [.. Enumerable.Repeat(3, 64)]; // the model's context
        PreferencePairs.Write(pairs, [SamplePairs.Pair("a", [1, 2], (0, [3, 4]), (1, [5])), problem switch
        {
            "empty completion" => SamplePairs.Pair("b", [1, 2], (0, []), (1, [5])),
            "long prompt" => SamplePairs.Pair("b", long64, (0, [3]), (1, [5])),
            "foreign id" => SamplePairs.Pair("b", [1, 2], (0, [512]), (1, [5])),
            _ => SamplePairs.Pair("b", [2, 1], (0, [3, 4]), (1, [5])),
        }]);
        if (problem == "broken line")
        {
            string[] lines = File.ReadAllLines(pairs);
            File.WriteAllLines(pairs, [lines[0], lines[1][..^9]]);
        }

        Exception error = Assert.ThrowsAny<Exception>(() => _world.Train(recipe, "run"));
        Assert.Equal(ExitCodes.BadInput, Failures.CodeOf(error));
        Assert.Contains($"{pairs}:2", error.Message, StringComparison.Ordinal);
        RequireEmpty();
    }

    [Theory]
    [InlineData("long", "prompt 'p2' has ")]
    [InlineData("broken", "prompts.jsonl:2")]
    [InlineData("missing", "prompts.jsonl")]
    public void Run_BrokenPrompts_AreRefusedBeforeAnythingIsWritten(string problem, string message)
    {
        string file = _world.File("prompts.jsonl");
        if (problem != "missing")
        {
            string second = problem == "long" ? $$"""{"id": "p2", "text": "{{string.Concat(Enumerable.Repeat("film was ", 20))}}"}""" : """{"id": "p2", "te""";
            File.WriteAllLines(file, ["""{"id": "p1", "text": "the film"}""", second]);
        }

        OnPolicyRecipe recipe = _world.OnPolicy("rloo", _world.Policy(), $$"""prompts={"files":["{{file}}"],"format":"prompts"}""");
        Exception error = Assert.ThrowsAny<Exception>(() => _world.Train(recipe, "run"));
        Assert.Equal(ExitCodes.BadInput, Failures.CodeOf(error));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        RequireEmpty();
    }

    private TrainingRecipe Recipe(string command)
    {
        PreferenceRecipe dpo = _world.Preference(); // writes the pairs
        return command switch
        {
            "sft" => _world.Sft(),
            "classifier" => _world.Classifier(),
            "dpo" => dpo,
            "kto" => _world.Kto($"pairs={dpo.Pairs![0]}"),
            "reward" => _world.Reward(),
            _ => _world.OnPolicy(command, _world.Policy(), "max_steps=2"),
        };
    }

    /// <summary>A file system that only the program below sees needs user namespaces.</summary>
    private static async Task SkipWithoutMountsAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/unshare"), "needs Linux with unshare");
        Assert.SkipUnless((await EndAsync("mount -t tmpfs -o size=64k tmpfs /tmp")).Code == 0, "needs unshare -rm with mounts");
    }

    /// <summary>Runs the trainer with a file system of 64 KiB on a folder, and copies what it leaves there.</summary>
    /// <param name="folder">The folder; created.</param>
    /// <param name="kept">Where the copy goes.</param>
    /// <param name="arguments">The command line.</param>
    private static Task<(int Code, string Error)> OnFullDiskAsync(string folder, string kept, params string[] arguments)
    {
        Directory.CreateDirectory(folder);
        string trainer = Path.ChangeExtension(typeof(RunFolder).Assembly.Location, ".dll");
        const string Script = """
            mount -t tmpfs -o size=64k tmpfs "$1" || exit 99
            dotnet "${@:3}"
            code=$?
            cp -r "$1" "$2"
            exit $code
            """;
        return EndAsync(Script, [folder, kept, trainer, .. arguments]);
    }

    private static async Task<(int Code, string Error)> EndAsync(string script, params string[] arguments)
    {
        using Process process = Process.Start(ProgramStart.Info("unshare", ["-rm", "bash", "-c", script, "bash", .. arguments]))!;
        (int code, _, string error) = await ProgramEnd.OfAsync(process);
        return (code, error);
    }

    private static void RequireNothingHalfWritten(string output)
    {
        Assert.False(File.Exists(Path.Combine(output, "done.json")));
        Assert.False(Directory.Exists(Path.Combine(output, "model")));
        Assert.False(Directory.Exists(Path.Combine(output, "checkpoints")));
        Assert.False(Directory.Exists(Path.Combine(output, "rollouts")));
    }

    private void RequireEmpty() =>
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(_world.File("run")), entry => !Path.GetFileName(entry).StartsWith('.'));
}
