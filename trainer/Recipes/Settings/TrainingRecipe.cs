using System.ComponentModel.DataAnnotations;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The settings every training recipe has. docs/recipes.md documents each key of every recipe once: meaning, default and range.</summary>
internal abstract record TrainingRecipe
{
    public string? Name { get; init; }
    [Range(0, int.MaxValue)] public int Seed { get; init; }
    [Range(0, 1024)] public int Threads { get; init; }
    public string Device { get; init; } = "cpu";
    [AllowedValues("fp32", "bf16")] public string Precision { get; init; } = "fp32";
    public string? Model { get; init; }
    public ArchitectureSettings? Architecture { get; init; }
    public string? Tokenizer { get; init; }
    [Range(0.0, 0.9)] public double? Dropout { get; init; }
    public OptimizerSettings Optimizer { get; init; } = new();
    public ScheduleSettings Schedule { get; init; } = new();
    [Range(0.0, 1e9)] public double MaxGradNorm { get; init; } = 1;
    [Range(1, 100_000)] public int Epochs { get; init; } = 1;
    [Range(0, 100_000_000)] public int MaxSteps { get; init; }
    [Range(0, 100_000_000)] public int CheckpointEvery { get; init; } = 500;
    [Range(1, 1000)] public int KeepCheckpoints { get; init; } = 2;
    [Range(0, 100_000_000)] public int EvaluateEvery { get; init; } = 500;
    [Range(1, 1_000_000)] public int LogEvery { get; init; } = 1;
    [AllowedValues("warn", "stop")] public string Alarms { get; init; } = "warn";
    [Range(0, 96)] public int FreezeBlocks { get; init; }
    public LoraSettings? Lora { get; init; }
    [AllowedValues("fp32", "fp16")] public string SaveType { get; init; } = "fp32";
    public ExportSettings Export { get; init; } = new();

    /// <summary>Whether matrix products run in bf16.</summary>
    internal bool UsesBf16 => Precision == "bf16";

    /// <summary>The training data files. A run resumes only if their content is unchanged.</summary>
    public abstract IEnumerable<string> InputFiles();

    /// <summary>Folders of frozen models that shape the numbers, such as a reference. A run resumes only if they are unchanged.</summary>
    public virtual IEnumerable<string> FrozenModels() => [];

    /// <summary>The batch sizes that several processes divide among themselves, by key.</summary>
    internal abstract IReadOnlyDictionary<string, int> Shares { get; }

    /// <summary>Why only one process can run the recipe; null if several can.</summary>
    internal virtual string? NeedsOneProcess => null;

    /// <summary>Refuses a number of processes that the recipe cannot be divided by.</summary>
    /// <param name="processes">At least 1.</param>
    /// <exception cref="BadInputException">A batch size is not a multiple of it, or the recipe needs one process.</exception>
    internal void RequireShares(int processes)
    {
        if (processes > 1 && NeedsOneProcess is string reason)
        {
            throw new BadInputException($"{processes} processes were started, but {reason}. Start trainer without mpirun.");
        }

        foreach ((string key, int value) in Shares.Where(share => share.Value % processes != 0))
        {
            throw new BadInputException(
                $"{key} is {value}, which {processes} processes cannot divide evenly. Give a multiple of {processes}, or start another number of processes.");
        }
    }

    /// <summary>Checks settings against each other and fills in defaults that depend on other settings.</summary>
    /// <returns>The complete recipe.</returns>
    /// <exception cref="BadInputException">Settings contradict each other.</exception>
    internal virtual TrainingRecipe Complete(string path)
    {
        RecipeCheck.Schedule(Schedule, path);
        Lora?.Check(this, path);
        return this;
    }
}
