using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Text-classifier training on random crops of labelled reviews.</summary>
internal sealed record ClassifierRecipe : TrainingRecipe
{
    /// <summary>The reviews.</summary>
    public ClassifierDataSettings Data { get; init; } = new();

    /// <summary>Batch sizes of a step.</summary>
    public ClassifierBatchSettings Batch { get; init; } = new();

    public override IEnumerable<string> InputFiles() => Data.InputFiles();
}

/// <summary>The reviews for training and evaluating a classifier.</summary>
internal sealed record ClassifierDataSettings : ReviewSettings
{
    /// <summary>Labelled review files used only for the final evaluation; may be empty.</summary>
    public IReadOnlyList<string> Test { get; init; } = [];

    /// <summary>Reviews held out for evaluation.</summary>
    [Range(0, 1_000_000)] public int HeldOut { get; init; } = 500;

    /// <summary>Shortest crop in tokens, start and end token not counted.</summary>
    [Range(1, 8192)] public int MinLength { get; init; } = 16;

    /// <summary>Longest crop in tokens.</summary>
    [Range(1, 8192)] public int MaxLength { get; init; } = 128;

    /// <summary>Tokens per window when classifying whole reviews; 0 means max_length.</summary>
    [Range(0, 8192)] public int Window { get; init; }

    /// <summary>Tokens of a review's opening, which is evaluated separately.</summary>
    [Range(1, 8192)] public int Opening { get; init; } = 30;

    /// <summary>Label names, in order of label number.</summary>
    [MinLength(2)] public IReadOnlyList<string> Labels { get; init; } = ["NEGATIVE", "POSITIVE"];
}

/// <summary>Batch sizes of a classifier step.</summary>
internal sealed record ClassifierBatchSettings
{
    /// <summary>Crops in one forward pass.</summary>
    [Range(1, 65536)] public int Sequences { get; init; } = 32;

    /// <summary>Forward passes per step; their gradients add up.</summary>
    [Range(1, 65536)] public int Accumulation { get; init; } = 1;
}
