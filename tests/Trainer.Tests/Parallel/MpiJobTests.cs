using System.Diagnostics;
using System.Text.Json.Nodes;
using Rudder.Datasets;
using Rudder.Tests;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Parallel;

/// <summary>The real trainer under <c>mpirun</c>: curves of one and several processes, who writes, lost processes, stops and resumes.</summary>
public sealed class MpiJobTests : IDisposable
{
    private static readonly string[] Jumping = ["time/", "tokens_per_second", "accurac", "clipfrac"];
    private readonly TinyTraining _world = new();

    public static TheoryData<string, int, string> Recipes => new()
    {
        { "sft", 2, "" }, // the last part of an epoch has one row, so that a process has none
        { "dpo", 4, "loss={\"kto\": 0.5, \"bco-pair\": 0.5}" }, // the last batch has two groups for four processes
        { "kto", 2, "" },
        { "grpo", 2, "iterations=2" },
        { "ppo", 2, "batch.minibatch=4" },
    };

    /// <summary>Recipes that share most of their code with those above.</summary>
    public static TheoryData<string, int, string> MoreRecipes => new()
    {
        { "classifier", 2, "" },
        { "dpo", 2, "" },
        { "reward", 2, "" },
        { "reinforce", 2, "alpha=0.1" },
        { "rloo", 2, "iterations=2" },
        { "online-dpo", 2, "" },
    };

    public void Dispose() => _world.Dispose();

    [Theory]
    [MemberData(nameof(Recipes))]
    public async Task Train_SeveralProcesses_LearnAsOneDoes(string command, int processes, string set)
    {
        MpiJob.Require();
        TrainingRecipe recipe = Recipe(command, [.. set.Length > 0 ? [set] : Array.Empty<string>()]);
        string file = Write(recipe);
        RunFolder one = _world.Train(recipe, "one");

        (int code, _, string error) = await MpiJob.RunAsync(processes, command, "--recipe", file, "--output", _world.File("several"));

        Assert.True(code == ExitCodes.Done, error);
        JsonObject[] expected = Lines(one.Metrics), found = Lines(_world.File("several/metrics.jsonl"));
        Assert.Equal(expected.Length, found.Length);
        Assert.All(expected.Zip(found), pair => RequireClose(pair.First, pair.Second));
        Assert.Equal(Files(one.Path), Files(_world.File("several"))); // the other process has added nothing
        Assert.Equal(processes, (int)JsonNode.Parse(File.ReadAllText(_world.File("several/environment.json")))!["ranks"]!);
    }

    [Theory(Explicit = true)]
    [Trait("Soak", "processes")]
    [MemberData(nameof(MoreRecipes))]
    public Task Train_SeveralProcessesOfOtherRecipes_LearnAsOneDoes(string command, int processes, string set) =>
        Train_SeveralProcesses_LearnAsOneDoes(command, processes, set);

    [Fact]
    public async Task Train_AProcessIsKilled_EndsTheJobAndResumesToTheSameWeights()
    {
        MpiJob.Require();
        string file = Write(Recipe("sft", "checkpoint_every=1", "dropout=0.2", "epochs=20"));
        (int code, _, string error) = await MpiJob.RunAsync(2, "sft", "--recipe", file, "--output", _world.File("whole"));
        Assert.True(code == ExitCodes.Done, error);

        string output = _world.File("killed");
        await EndAsync(MpiJob.Start(2, "sft", "--recipe", file, "--output", output), output, process => process.Kill(), out Task<(int Code, string Output, string Error)> end);
        (code, _, error) = await end;

        Assert.NotEqual(ExitCodes.Done, code);
        Assert.Contains("Asked to stop: the 2 processes", error, StringComparison.Ordinal);
        Assert.Contains($"Continue with: mpirun -n 2 trainer sft --resume {output}", error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(output, "done.json")));
        (code, error) = TrainerProgram.Run("sft", "--resume", output);
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("was started with 2 processes, and there are 1 now", error, StringComparison.Ordinal);

        (code, _, error) = await MpiJob.RunAsync(2, "sft", "--resume", output);

        Assert.True(code == ExitCodes.Done, error);
        Assert.Equal(File.ReadAllBytes(_world.File("whole/model/model.safetensors")), File.ReadAllBytes(Path.Combine(output, "model", "model.safetensors")));
    }

    [Fact]
    public async Task Train_OneProcessIsAskedToStop_AllStopAfterTheSameStep()
    {
        MpiJob.Require();
        string file = Write(Recipe("dpo", "checkpoint_every=1", "epochs=100000")), output = _world.File("stopped");
        await EndAsync(MpiJob.Start(2, "dpo", "--recipe", file, "--output", output), output, Terminate, out Task<(int Code, string Output, string Error)> end);
        (int code, _, string error) = await end;
        Assert.True(code == ExitCodes.Interrupted, error);
        Assert.Contains("saved. Continue with: mpirun -n 2 trainer dpo", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dpo", "batch.groups=3", "batch.groups is 3, which 2 processes cannot divide evenly")]
    [InlineData("dpo", "loss=aot", "loss 'aot' compares all pairs of a step with each other")]
    [InlineData("ppo", "batch.minibatch=5", "batch.minibatch is 5")]
    public void RequireShares_RecipeThatDoesNotDivide_IsRefused(string command, string set, string expected)
    {
        TrainingRecipe recipe = Recipe(command, set);
        recipe.RequireShares(1);
        BadInputException error = Assert.Throws<BadInputException>(() => recipe.RequireShares(2));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_RecipeIsWrong_IsReportedOnceAndLeavesNoFolder()
    {
        MpiJob.Require();
        string file = Write(Recipe("dpo", "batch.groups=3"));
        (int code, _, string error) = await MpiJob.RunAsync(2, "dpo", "--recipe", file, "--output", _world.File("refused"));
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Equal(2, error.Split("cannot divide evenly").Length);
        Assert.False(Directory.Exists(_world.File("refused")));
    }

    [Fact]
    public void RequireShares_RolloutsOfAService_AreRefused()
    {
        TrainingRecipe recipe = Recipe("reinforce", "rollouts.engine=service", "rollouts.service=http://127.0.0.1:1");
        recipe.RequireShares(1);
        BadInputException error = Assert.Throws<BadInputException>(() => recipe.RequireShares(2));
        Assert.StartsWith("2 processes were started, but rollouts.engine is 'service'", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Waits for the first checkpoint of a job, then does something to its second process.</summary>
    private static Task EndAsync(Process job, string output, Action<Process> act, out Task<(int Code, string Output, string Error)> end)
    {
        end = ProgramEnd.OfAsync(job);
        return ActAsync(end);

        async Task ActAsync(Task ended)
        {
            while (!ended.IsCompleted && !Directory.Exists(Path.Combine(output, "checkpoints")))
            {
                await Task.WhenAny(ended, Task.Delay(20));
            }

            Assert.False(ended.IsCompleted, "the job ended before its first checkpoint");
            using Process second = MpiJob.Find(1, output);
            act(second);
        }
    }

    private static void Terminate(Process process)
    {
        using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>
    /// Requires equal steps and losses within 1e-5. Sums are rounded in another order, and the optimizer enlarges that: log-probs of whole
    /// completions, hundreds of nats here, get 1e-3. Counts of what lies above a threshold may jump, and times differ.
    /// </summary>
    private static void RequireClose(JsonObject expected, JsonObject found)
    {
        Assert.Equal(expected.Select(value => value.Key).Order(), found.Select(value => value.Key).Order());
        Assert.Equal(Steps(expected), Steps(found));
        foreach ((string name, JsonNode? value) in expected.Where(value => value.Key != "split" && !Array.Exists(Jumping, part => value.Key.Contains(part, StringComparison.Ordinal))))
        {
            double one = (double)value!, several = (double)found[name]!;
            double allowed = (name == "loss" ? 1e-5 : 1e-3) * Math.Max(1, Math.Abs(one));
            Assert.True(Math.Abs(one - several) <= allowed, $"step {expected["step"]}: {name} is {several}, with one process {one}");
        }

        static string Steps(JsonObject line) => $"{line["split"]} {line["step"]} {line["epoch"]} {line["num_tokens"]}";
    }

    private static JsonObject[] Lines(string file) => [.. File.ReadLines(file).Select(line => JsonNode.Parse(line)!.AsObject())];

    /// <summary>The files of a run without TensorBoard's, whose names hold the time.</summary>
    private static IEnumerable<string> Files(string folder) => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(folder, file)).Where(file => !file.StartsWith("events.", StringComparison.Ordinal)).Order();

    private TrainingRecipe Recipe(string command, params string[] sets) => command switch
    {
        "sft" => _world.Sft(["dropout=0", "data.held_out=3", "batch.sequences=4", .. sets]),
        "classifier" => _world.Classifier(["dropout=0", "batch.sequences=6", .. sets]),
        "dpo" => _world.Preference(["batch.groups=4", .. sets]),
        "kto" => Kto(sets),
        "reward" => _world.Reward(["batch.groups=4", .. sets]),
        _ => _world.OnPolicy(command, _world.Policy(), ["max_steps=3", "prompts.held_out=5", .. sets]),
    };

    private KtoRecipe Kto(string[] sets)
    {
        _world.Preference(); // writes the pairs
        return _world.Kto([$"pairs={_world.File("pairs.jsonl")}", $"evaluation_pairs={_world.File("held-out.jsonl")}", .. sets]);
    }

    private string Write(TrainingRecipe recipe)
    {
        string file = _world.File("tiny.json");
        File.WriteAllText(file, RecipeReader.Write(recipe));
        return file;
    }
}
