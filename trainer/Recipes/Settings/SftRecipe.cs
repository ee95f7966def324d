using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Language-model training: from scratch on packed documents, or fine-tuning on whole reviews.</summary>
internal sealed record SftRecipe : TrainingRecipe
{
    public SftDataSettings Data { get; init; } = new();
    public SftBatchSettings Batch { get; init; } = new();

    internal override IReadOnlyDictionary<string, int> Shares => new Dictionary<string, int> { ["batch.sequences"] = Batch.Sequences };

    public override IEnumerable<string> InputFiles() => Data.InputFiles();
}

/// <summary>The texts a language model learns from, and how they become sequences.</summary>
internal sealed record SftDataSettings : ReviewSettings
{
    [AllowedValues("pack", "reviews")] public string Mode { get; init; } = "pack";
    [Range(0, 1_000_000)] public int HeldOut { get; init; } = 500;
}

/// <summary>Batch sizes of a language-model step.</summary>
internal sealed record SftBatchSettings
{
    [Range(1, 65536)] public int Sequences { get; init; } = 16;
    [Range(0, 8192)] public int Length { get; init; }
    [Range(1, 65536)] public int Accumulation { get; init; } = 1;
}
