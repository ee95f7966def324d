using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Rudder.Datasets;
using Rudder.Trainer.Losses;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>KTO on completions with a judgement each, or on pairs, which give two such completions.</summary>
internal sealed record KtoRecipe : CompletionRecipe
{
    public string? Reference { get; init; }
    [JsonConverter(typeof(FilesConverter))] public IReadOnlyList<string>? Rows { get; init; }
    [JsonConverter(typeof(FilesConverter))] public IReadOnlyList<string>? EvaluationRows { get; init; }
    [Range(0, double.MaxValue, MinimumIsExclusive = true)] public double Beta { get; init; } = new Kto().Beta;
    [Range(0, double.MaxValue, MinimumIsExclusive = true)] public double LambdaDesirable { get; init; } = new Kto().LambdaDesirable;
    [Range(0, double.MaxValue, MinimumIsExclusive = true)] public double LambdaUndesirable { get; init; } = new Kto().LambdaUndesirable;
    [Range(0, 1024)] public int KlPrompts { get; init; } = 32;
    public string? ReferenceCache { get; init; }
    public KtoBatchSettings Batch { get; init; } = new();

    internal override IReadOnlyDictionary<string, int> Shares => new Dictionary<string, int> { ["batch.completions"] = Batch.Completions };

    protected override string[] ReadColumns =>
    [
        .. Pairs is null && EvaluationPairs is null ? ["prompt"] : base.ReadColumns,
        .. Rows is null && EvaluationRows is null ? [] : (string[])["completion", "label"],
    ];

    public override IEnumerable<string> InputFiles() => [.. DataFiles.Find([.. Rows ?? [], .. EvaluationRows ?? []]), .. base.InputFiles()];

    public override IEnumerable<string> FrozenModels() => (Reference ?? Model) is string folder ? [folder] : [];

    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        if ((Rows is null) == (Pairs is null))
        {
            throw new BadInputException(
                $"{path}: give either rows (a file of prompt, completion and label) or pairs (a pair file), not both and not neither.");
        }

        return EvaluationRows is null || EvaluationPairs is null
            ? this
            : throw new BadInputException($"{path}: evaluation_rows and evaluation_pairs are both given; give one.");
    }
}

/// <summary>Batch sizes of a KTO step.</summary>
internal sealed record KtoBatchSettings
{
    [Range(2, 65536)] public int Completions { get; init; } = 32;
    [Range(1, 65536)] public int Accumulation { get; init; } = 1;
}
