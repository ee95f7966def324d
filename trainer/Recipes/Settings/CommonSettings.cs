using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Family and sizes of a new model.</summary>
internal sealed record ArchitectureSettings
{
    public string? ModelType { get; init; }
    [Range(1, 96)] public int Layers { get; init; } = 4;
    [Range(1, 128)] public int Heads { get; init; } = 4;
    [Range(1, 128)] public int? KeyValueHeads { get; init; }
    [Range(8, 16384)] public int HiddenSize { get; init; } = 256;
    [Range(8, 65536)] public int? InnerSize { get; init; }
    [Range(8, 8192)] public int Context { get; init; } = 256;
}

/// <summary>The optimizer and its settings.</summary>
internal sealed record OptimizerSettings
{
    [AllowedValues("adamw", "rmsprop")] public string Name { get; init; } = "adamw";
    [Range(0.0, 1.0)] public double LearningRate { get; init; } = 1e-3;
    [Length(2, 2)] public IReadOnlyList<double> Betas { get; init; } = [0.9, 0.95];
    [Range(0.0, 10.0)] public double WeightDecay { get; init; } = 0.1;
    public bool DecayAll { get; init; }
    [Range(1e-30, 1.0)] public double Eps { get; init; } = 1e-8; // a weight that never had a gradient divides by it alone
    [Range(0.0, 1.0, MaximumIsExclusive = true)] public double Alpha { get; init; } = 0.99; // at 1 the average would never change
}

/// <summary>The learning-rate schedule.</summary>
internal sealed record ScheduleSettings
{
    [AllowedValues("linear", "cosine", "constant")] public string Name { get; init; } = "cosine";
    [Range(0, 10_000_000)] public int WarmupSteps { get; init; }
    [Range(0, 10_000_000)] public int DecaySteps { get; init; }
    [Range(0.0, 1.0)] public double Minimum { get; init; }
}
