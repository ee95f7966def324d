using System.Globalization;
using Rudder.InferenceService.Soak.Load;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Tests;

namespace Rudder.Trainer.Soak;

/// <summary>A training run keeps its memory: no step leaves a tensor or native memory behind.</summary>
[Collection(nameof(TrainingCollection))]
public sealed class MemoryTests : IDisposable
{
    private const int Short = 200, Long = 2_000;
    private const int Samples = 20;                          // of the resident memory
    private const double Mebi = 1 << 20;

    /// <summary>
    /// MiB by which resident memory may rise from the second to the last fifth of a run. Measured in 200 steps: up to 3, from pools that
    /// still fill (the project compiles all code at once, which keeps the compiler's own memory out of it). A copy of the policy's weights left behind by each step would add 58.
    /// </summary>
    private const double MaxGrowth = 8;
    private readonly TinyTraining _world = new();

    public static TheoryData<string> Commands => [.. TrainingRecipes.Chosen()];

    public void Dispose() => _world.Dispose();

    [Theory]
    [InlineData("dpo")]
    [InlineData("grpo")]
    public void Train_TwoHundredSteps_KeepsItsMemory(string command) => Check(command, Short);

    [Theory(Explicit = true)]
    [Trait("Soak", "memory")]
    [MemberData(nameof(Commands))]
    public void Train_TwoThousandSteps_KeepsItsMemory(string command) => Check(command, Long);

    private void Check(string command, int steps)
    {
        // The rate is so small that the completions stay as long as they are. Evaluations and checkpoints fall into both halves.
        string[] sets = [$"max_steps={steps}", "epochs=2000", "optimizer.learning_rate=1e-6", $"evaluate_every={steps / 10}", $"checkpoint_every={steps / 4}"];
        TrainingRecipe recipe = TrainingRecipes.Of(command, _world, sets);
        using var memory = new StepMemory(steps / Samples);
        _world.Train(recipe, _world.Request("run") with { Progress = memory, Clock = memory.Clock });
        Assert.Equal(steps, memory.Tensors.Count);
        (double warm, double end) = LoadStatistics.Levels(memory.Resident);
        long[] tensors = [.. memory.Tensors.Skip(steps / 2)];
        string figures = string.Create(
            CultureInfo.InvariantCulture,
            $"{command}, {steps} steps: {tensors.Min()} to {tensors.Max()} live tensors after a step; {SoakReport.Memory(warm, end)}");
        TestContext.Current.TestOutputHelper!.WriteLine(figures);
        Assert.True(tensors.Min() == tensors.Max(), figures); // every step disposes of its own
        Assert.True(end - warm <= MaxGrowth * Mebi, figures);
    }
}
