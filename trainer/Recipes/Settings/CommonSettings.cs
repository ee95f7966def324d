using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Family and sizes of a new model.</summary>
internal sealed record ArchitectureSettings
{
    /// <summary>The family, as in config.json; null takes the command's first: gpt2 for sft, roberta for classifier.</summary>
    public string? ModelType { get; init; }

    /// <summary>Transformer blocks.</summary>
    [Range(1, 96)] public int Layers { get; init; } = 4;

    /// <summary>Attention heads; must divide hidden_size.</summary>
    [Range(1, 128)] public int Heads { get; init; } = 4;

    /// <summary>Width of the hidden states.</summary>
    [Range(8, 16384)] public int HiddenSize { get; init; } = 256;

    /// <summary>Longest sequence in tokens, special tokens included.</summary>
    [Range(8, 8192)] public int Context { get; init; } = 256;
}

/// <summary>The optimizer and its settings.</summary>
internal sealed record OptimizerSettings
{
    /// <summary>adamw or rmsprop.</summary>
    [AllowedValues("adamw", "rmsprop")] public string Name { get; init; } = "adamw";

    /// <summary>Peak learning rate.</summary>
    [Range(0.0, 1.0)] public double LearningRate { get; init; } = 1e-3;

    /// <summary>AdamW's decay rates of the first and second moment, each below 1.</summary>
    [Length(2, 2)] public IReadOnlyList<double> Betas { get; init; } = [0.9, 0.95];

    /// <summary>AdamW's decoupled weight decay.</summary>
    [Range(0.0, 10.0)] public double WeightDecay { get; init; } = 0.1;

    /// <summary>Whether weight decay also applies to biases and layer norms.</summary>
    public bool DecayAll { get; init; }

    /// <summary>Added to the denominator, which is 0 for a weight that never had a gradient.</summary>
    [Range(1e-30, 1.0)] public double Eps { get; init; } = 1e-8;

    /// <summary>RMSprop's smoothing, below 1: at 1 the average would never change.</summary>
    [Range(0.0, 1.0, MaximumIsExclusive = true)] public double Alpha { get; init; } = 0.99;
}

/// <summary>The learning-rate schedule.</summary>
internal sealed record ScheduleSettings
{
    /// <summary>linear (to 0), cosine (to minimum) or constant, after the warm-up.</summary>
    [AllowedValues("linear", "cosine", "constant")] public string Name { get; init; } = "cosine";

    /// <summary>Steps over which the rate rises linearly from 0 to its peak; fewer than the run's total.</summary>
    [Range(0, 10_000_000)] public int WarmupSteps { get; init; }

    /// <summary>Only for constant, refused otherwise: last steps, after the warm-up, over which the rate falls linearly to 0.</summary>
    [Range(0, 10_000_000)] public int DecaySteps { get; init; }

    /// <summary>Only for cosine, refused otherwise: the last rate as a fraction of the peak.</summary>
    [Range(0.0, 1.0)] public double Minimum { get; init; }
}
