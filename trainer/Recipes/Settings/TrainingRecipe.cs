using System.ComponentModel.DataAnnotations;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The settings every training recipe has.</summary>
internal abstract record TrainingRecipe
{
    /// <summary>Short name; becomes part of the run folder's name.</summary>
    public string? Name { get; init; }

    /// <summary>Seed of weights, dropout, data order and crops.</summary>
    [Range(0, int.MaxValue)] public int Seed { get; init; }

    /// <summary>Threads for tensor operations; 0 means one per physical core. A resumed run keeps the recorded number.</summary>
    [Range(0, 1024)] public int Threads { get; init; }

    /// <summary>Model folder to start from; null builds a new model of <see cref="Architecture"/>.</summary>
    public string? Model { get; init; }

    /// <summary>Sizes of a new model; only without <see cref="Model"/>.</summary>
    public ArchitectureSettings? Architecture { get; init; }

    /// <summary>Folder with the tokenizer. The default is <see cref="Model"/>.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Dropout in training; null takes the model's own (0 for a new model).</summary>
    [Range(0.0, 0.9)] public double? Dropout { get; init; }

    /// <summary>The optimizer.</summary>
    public OptimizerSettings Optimizer { get; init; } = new();

    /// <summary>The learning-rate schedule.</summary>
    public ScheduleSettings Schedule { get; init; } = new();

    /// <summary>Largest gradient norm; a longer gradient is scaled down to it. 0 turns clipping off.</summary>
    [Range(0.0, 1e9)] public double MaxGradNorm { get; init; } = 1;

    /// <summary>Passes over the training data; training ends at this or at max_steps, whichever comes first.</summary>
    [Range(1, 100_000)] public int Epochs { get; init; } = 1;

    /// <summary>Optimizer steps; 0 means no limit beyond epochs.</summary>
    [Range(0, 100_000_000)] public int MaxSteps { get; init; }

    /// <summary>Steps between checkpoints; 0 saves only at the end and when interrupted.</summary>
    [Range(0, 100_000_000)] public int CheckpointEvery { get; init; } = 500;

    /// <summary>Checkpoints kept, newest first.</summary>
    [Range(1, 1000)] public int KeepCheckpoints { get; init; } = 2;

    /// <summary>Steps between evaluations on the held-out part; 0 evaluates only at the end.</summary>
    [Range(0, 100_000_000)] public int EvaluateEvery { get; init; } = 500;

    /// <summary>Steps between lines in metrics.jsonl.</summary>
    [Range(1, 1_000_000)] public int LogEvery { get; init; } = 1;

    /// <summary>Number of first blocks to freeze.</summary>
    [Range(0, 96)] public int FreezeBlocks { get; init; }

    /// <summary>Precision of the saved weights: fp32 or fp16.</summary>
    [AllowedValues("fp32", "fp16")] public string SaveType { get; init; } = "fp32";

    /// <summary>ONNX graphs written at the end.</summary>
    public ExportSettings Export { get; init; } = new();

    /// <summary>The training data files. A run resumes only if their content is unchanged.</summary>
    public abstract IEnumerable<string> InputFiles();

    /// <summary>Folders of frozen models that shape the numbers, such as a reference. A run resumes only if they are unchanged.</summary>
    public virtual IEnumerable<string> FrozenModels() => [];

    /// <summary>Checks settings against each other and fills in defaults that depend on other settings.</summary>
    /// <param name="path">The recipe file, for messages.</param>
    /// <returns>The complete recipe.</returns>
    /// <exception cref="BadInputException">Settings contradict each other.</exception>
    internal virtual TrainingRecipe Complete(string path)
    {
        RecipeCheck.Schedule(Schedule, path);
        return this;
    }
}
