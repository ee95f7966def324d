using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Preference training on pairs of completions: DPO and its relatives. Dropout is 0 here unless the recipe sets it.</summary>
internal sealed record PreferenceRecipe : TrainingRecipe
{
    /// <summary>Folder of the frozen reference. Default: that of <see cref="TrainingRecipe.Model"/>, whose copy is the policy.</summary>
    public string? Reference { get; init; }

    /// <summary>Pair file (.jsonl or .jsonl.gz of preference.v1.PreferencePair). Required.</summary>
    public string Pairs { get; init; } = string.Empty;

    /// <summary>Pair file that is only evaluated on, every evaluate_every steps and at the end; null for none.</summary>
    public string? EvaluationPairs { get; init; }

    /// <summary>Loss: dpo, cdpo, robust, ipo, ipo-mean, hinge, dpo-reference-free, kto, simpo or orpo. Default dpo.</summary>
    public string Loss { get; init; } = "dpo";

    /// <summary>KL strength per nat, above 0; larger stays nearer the reference (simpo: scale only). Default 0.1.</summary>
    public double Beta { get; init; } = 0.1;

    /// <summary>cdpo and robust only: probability that a label is wrong, 0 to below 0.5. Default 0.1.</summary>
    public double? LabelSmoothing { get; init; }

    /// <summary>simpo only: reward margin aimed at, 0 or more. Default 0.5.</summary>
    public double? Gamma { get; init; }

    /// <summary>orpo only: weight of the odds-ratio term, 0 or more. Default 0.1.</summary>
    public double? Lambda { get; init; }

    /// <summary>kto only: weight of chosen completions, above 0. Default 1.</summary>
    public double? LambdaDesirable { get; init; }

    /// <summary>kto only: weight of rejected completions, above 0. Default 1.</summary>
    public double? LambdaUndesirable { get; init; }

    /// <summary>Most tokens of prompt and completion together; 0 means the model's context. Default 0.</summary>
    [Range(0, 8192)] public int MaxLength { get; init; }

    /// <summary>Most tokens of a prompt; 0 means max_length − 1. Default 0.</summary>
    [Range(0, 8192)] public int MaxPrompt { get; init; }

    /// <summary>A longer sequence is an error (refuse), or is cut and counted (truncate). Default refuse.</summary>
    [AllowedValues("refuse", "truncate")] public string OverLength { get; init; } = "refuse";

    /// <summary>Folder of cached reference log-probs. Default: reference-cache beside the run folder, so that a sweep shares it.</summary>
    public string? ReferenceCache { get; init; }

    /// <summary>Sizes of a step.</summary>
    public PreferenceBatchSettings Batch { get; init; } = new();

    /// <inheritdoc/>
    public override IEnumerable<string> InputFiles() => EvaluationPairs is null ? [Pairs] : [Pairs, EvaluationPairs];
}

/// <summary>Sizes of a preference step.</summary>
internal sealed record PreferenceBatchSettings
{
    /// <summary>group runs each completion once; pair runs two sequences a pair (same loss, more work, for comparison). Default group.</summary>
    [AllowedValues("group", "pair")] public string Mode { get; init; } = "group";

    /// <summary>Prompts in one forward pass. Default 8.</summary>
    [Range(1, 65536)] public int Groups { get; init; } = 8;

    /// <summary>Forward passes whose gradients are added up before a step. Default 1.</summary>
    [Range(1, 65536)] public int Accumulation { get; init; } = 1;
}
