using System.ComponentModel.DataAnnotations;
using Rudder.Trainer.Losses;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>KTO on completions with a judgement each, or on pairs, which give two such completions.</summary>
internal sealed record KtoRecipe : CompletionRecipe
{
    /// <summary>Folder of the frozen reference. The default is <see cref="TrainingRecipe.Model"/>.</summary>
    public string? Reference { get; init; }

    /// <summary>File of rows {prompt, completion, label}; either this or <see cref="Pairs"/>.</summary>
    public string? Rows { get; init; }

    /// <summary>Pair file; either this or <see cref="Rows"/>.</summary>
    public string? Pairs { get; init; }

    /// <summary>File of rows for evaluation only, every evaluate_every steps and at the end; null for none.</summary>
    public string? EvaluationRows { get; init; }

    /// <summary>Pair file for evaluation only; null for none.</summary>
    public string? EvaluationPairs { get; init; }

    /// <summary>Risk aversion and KL strength per nat, above 0; larger stays nearer the reference.</summary>
    [Range(0, double.MaxValue, MinimumIsExclusive = true)] public double Beta { get; init; } = new Kto().Beta;

    /// <summary>Weight of desirable completions, above 0.</summary>
    [Range(0, double.MaxValue, MinimumIsExclusive = true)] public double LambdaDesirable { get; init; } = new Kto().LambdaDesirable;

    /// <summary>Weight of undesirable completions, above 0.</summary>
    [Range(0, double.MaxValue, MinimumIsExclusive = true)] public double LambdaUndesirable { get; init; } = new Kto().LambdaUndesirable;

    /// <summary>Folder of cached reference log-probs.</summary>
    public string? ReferenceCache { get; init; }

    /// <summary>Batch sizes of a step.</summary>
    public KtoBatchSettings Batch { get; init; } = new();

    /// <inheritdoc/>
    public override IEnumerable<string> InputFiles() => new[] { Rows, Pairs, EvaluationRows, EvaluationPairs }.OfType<string>();

    /// <inheritdoc/>
    public override IEnumerable<string> FrozenModels() => (Reference ?? Model) is string folder ? [folder] : [];

    /// <inheritdoc/>
    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        if ((Rows is null) == (Pairs is null))
        {
            throw new BadInputException($"{path}: give either rows (a file of prompt, completion and label) or pairs (a pair file), not both and not neither.");
        }

        return EvaluationRows is null || EvaluationPairs is null
            ? this
            : throw new BadInputException($"{path}: evaluation_rows and evaluation_pairs are both given; give one.");
    }
}

/// <summary>Batch sizes of a KTO step.</summary>
internal sealed record KtoBatchSettings
{
    /// <summary>Completions in one forward pass, at least 2: the reference point is a mean over as many mismatched completions.</summary>
    [Range(2, 65536)] public int Completions { get; init; } = 32;

    /// <summary>Forward passes per step; their gradients add up.</summary>
    [Range(1, 65536)] public int Accumulation { get; init; } = 1;
}
