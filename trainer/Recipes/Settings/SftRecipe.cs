using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Language-model training: from scratch on packed documents, or fine-tuning on whole reviews.</summary>
internal sealed record SftRecipe : TrainingRecipe
{
    /// <summary>The texts.</summary>
    public SftDataSettings Data { get; init; } = new();

    /// <summary>Batch sizes of a step.</summary>
    public SftBatchSettings Batch { get; init; } = new();

    public override IEnumerable<string> InputFiles() => Data.InputFiles();
}

/// <summary>The texts a language model learns from, and how they become sequences.</summary>
internal sealed record SftDataSettings : ReviewSettings
{
    /// <summary>pack joins documents by the end-of-text token and cuts blocks of batch.length; reviews keeps each document apart.</summary>
    [AllowedValues("pack", "reviews")] public string Mode { get; init; } = "pack";

    /// <summary>Reviews held out for evaluation, spread evenly over the files.</summary>
    [Range(0, 1_000_000)] public int HeldOut { get; init; } = 500;
}

/// <summary>Batch sizes of a language-model step.</summary>
internal sealed record SftBatchSettings
{
    /// <summary>Sequences in one forward pass.</summary>
    [Range(1, 65536)] public int Sequences { get; init; } = 16;

    /// <summary>Tokens of a sequence: the block in pack mode, the cut in reviews mode; 0 means the model's context.</summary>
    [Range(0, 8192)] public int Length { get; init; }

    /// <summary>Forward passes per step; their gradients add up.</summary>
    [Range(1, 65536)] public int Accumulation { get; init; } = 1;
}
