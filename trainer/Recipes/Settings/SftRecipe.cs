using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Language-model training: from scratch on packed documents, or fine-tuning on whole reviews.</summary>
internal sealed record SftRecipe : TrainingRecipe
{
    public SftDataSettings Data { get; init; } = new();
    public SftBatchSettings Batch { get; init; } = new();

    internal override IReadOnlyDictionary<string, int> Shares => new Dictionary<string, int> { ["batch.sequences"] = Batch.Sequences };

    public override IEnumerable<string> InputFiles() => Data.InputFiles();

    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        Data.Columns.Check(path, "data.columns", "text", "prompt", "completion", "chosen", "rejected", "id");
        return this;
    }
}

/// <summary>The texts a language model learns from, and how they become sequences.</summary>
internal sealed record SftDataSettings : ReviewSettings
{
    [AllowedValues("pack", "reviews")] public string Mode { get; init; } = "pack";
    [Range(0, 1_000_000)] public int HeldOut { get; init; } = 500;
    public ColumnSettings Columns { get; init; } = new();
    [AllowedValues("stop", "skip")] public string BadRows { get; init; } = "stop";
    [AllowedValues("line", "file")] public string TextUnit { get; init; } = "line";
    [AllowedValues("refuse", "truncate", "truncate_prompt", "truncate_completion")] public string OverLength { get; init; } = "truncate";
}

/// <summary>Batch sizes of a language-model step.</summary>
internal sealed record SftBatchSettings
{
    [Range(1, 65536)] public int Sequences { get; init; } = 16;
    [Range(0, 8192)] public int Length { get; init; }
    [Range(1, 65536)] public int Accumulation { get; init; } = 1;
}
