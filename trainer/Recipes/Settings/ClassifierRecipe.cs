using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Text-classifier training on random crops of labelled reviews.</summary>
internal sealed record ClassifierRecipe : TrainingRecipe
{
    public ClassifierDataSettings Data { get; init; } = new();
    public ClassifierBatchSettings Batch { get; init; } = new();

    internal override IReadOnlyDictionary<string, int> Shares => new Dictionary<string, int> { ["batch.sequences"] = Batch.Sequences };

    public override IEnumerable<string> InputFiles() => Data.InputFiles();
}

/// <summary>The reviews for training and evaluating a classifier.</summary>
internal sealed record ClassifierDataSettings : ReviewSettings
{
    public IReadOnlyList<string> Test { get; init; } = [];
    [Range(0, 1_000_000)] public int HeldOut { get; init; } = 500;
    [Range(1, 8192)] public int MinLength { get; init; } = 16;
    [Range(1, 8192)] public int MaxLength { get; init; } = 128;
    [Range(0, 8192)] public int Window { get; init; }
    [Range(1, 8192)] public int Opening { get; init; } = 30;
    [MinLength(2)] public IReadOnlyList<string> Labels { get; init; } = ["NEGATIVE", "POSITIVE"];
}

/// <summary>Batch sizes of a classifier step.</summary>
internal sealed record ClassifierBatchSettings
{
    [Range(1, 65536)] public int Sequences { get; init; } = 32;
    [Range(1, 65536)] public int Accumulation { get; init; } = 1;
}
