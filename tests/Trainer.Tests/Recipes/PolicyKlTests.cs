using System.Text.Json.Nodes;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>The exact KL in the evaluations of preference training.</summary>
public sealed class PolicyKlTests : IDisposable
{
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Theory]
    [InlineData("dpo")]
    [InlineData("dpo", """reference={"sync_every":100}""")] // stays in memory, and has not moved yet
    [InlineData("kto")]
    public void Run_Evaluations_LogTheKlOfThePolicysOwnCompletions(string command, params string[] sets)
    {
        RunFolder still = _world.Train(Recipe(command, [.. sets, "kl_prompts=2", "optimizer.learning_rate=0"]), "still");
        RunFolder moved = _world.Train(Recipe(command, [.. sets, "kl_prompts=2", "optimizer.learning_rate=0.01"]), "moved");

        Assert.Equal([2, 4, 6], Evaluations(moved).Select(line => (int)line["step"]!));
        Assert.All(Evaluations(still), line => Assert.InRange((double)line["kl/seq_exact"]!, -1e-5, 1e-5));
        Assert.All(Evaluations(moved), line => Assert.InRange(
            (double)line["kl/seq_exact"]!, (double)line["kl/seq_exact_low"]!, (double)line["kl/seq_exact_high"]!));
        Assert.True((double)Evaluations(moved)[^1]["kl/seq_exact"]! > 0.01, Evaluations(moved)[^1].ToJsonString());
        Assert.False(Directory.Exists(moved.File("kl-policy")));
    }

    /// <summary>Loading the reference draws random numbers, which must not reach the dropout of the next step.</summary>
    [Fact]
    public void Run_KlPrompts_ChangeNoWeight()
    {
        RunFolder without = _world.Train(Recipe("dpo", ["dropout=0.2"]), "without"), with = _world.Train(Recipe("dpo", ["dropout=0.2", "kl_prompts=2"]), "with");
        Assert.Equal(File.ReadAllBytes(without.File("model/model.safetensors")), File.ReadAllBytes(with.File("model/model.safetensors")));
        Assert.All(Evaluations(without), line => Assert.Null(line["kl/seq_exact"]));
    }

    [Fact]
    public void Run_LossWithoutReference_DrawsNothing()
    {
        RunFolder run = _world.Train(Recipe("dpo", ["loss=simpo", "kl_prompts=2"]), "run");
        Assert.All(Evaluations(run), line => Assert.Null(line["kl/seq_exact"]));
    }

    [Fact]
    public void Interval_OfAMean_HoldsItAndNarrowsWithMoreValues()
    {
        Assert.Equal((2, 2), PolicyKl.Interval([2, 2, 2], new Random(1)));
        float[] few = [1, 2, 3, 4], many = [.. Enumerable.Repeat(few, 25).SelectMany(values => values)];
        (double low, double high) = PolicyKl.Interval(few, new Random(1));
        (double near, double far) = PolicyKl.Interval(many, new Random(1));
        Assert.True(low < near && near < 2.5 && 2.5 < far && far < high, $"{low} {near} {far} {high}");
    }

    private TrainingRecipe Recipe(string command, string[] sets)
    {
        PreferenceRecipe dpo = _world.Preference(command == "dpo" ? sets : []); // writes the pairs in any case
        return command == "dpo" ? dpo : _world.Kto([$"pairs={dpo.Pairs![0]}", $"evaluation_pairs={dpo.EvaluationPairs![0]}", "max_steps=6", .. sets]);
    }

    private static JsonNode[] Evaluations(RunFolder run) =>
        [.. File.ReadLines(run.Metrics).Select(line => JsonNode.Parse(line)!).Where(line => (string)line["split"]! == "eval")];
}
