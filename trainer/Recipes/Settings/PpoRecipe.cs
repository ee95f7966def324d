using System.ComponentModel.DataAnnotations;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>PPO (arXiv:1707.06347) with a value model, the KL in the reward, and several passes over each step's completions.</summary>
internal sealed record PpoRecipe : OnPolicyRecipe
{
    public string? ValueModel { get; init; }
    [Range(0.0, 1e9)] public double KlCoef { get; init; } = 0.05;
    [Range(0.0, 1e9)] public double KlTarget { get; init; }
    [Range(0.0, 1.0)] public double KlGain { get; init; } = 0.1;
    [Range(0.0, 1.0)] public double Gamma { get; init; } = 1;
    [Range(0.0, 1.0)] public double Lambda { get; init; } = 0.95;
    [Range(0, 1.0, MinimumIsExclusive = true)] public double Clip { get; init; } = 0.2;
    [Range(0, 1e9, MinimumIsExclusive = true)] public double ValueClip { get; init; } = 0.2;
    [Range(0.0, 1e9)] public double VfCoef { get; init; } = 0.1;
    [Range(1, 1000)] public int PpoEpochs { get; init; } = 4;
    public PpoBatchSettings Batch { get; init; } = new();

    internal override OnPolicyBatchSettings Sizes => Batch;

    internal override IReadOnlyDictionary<string, int> Shares =>
        new Dictionary<string, int>(base.Shares) { ["batch.minibatch"] = Batch.Minibatch };

    /// <summary>The value model's weights are left out: a resumed run takes them from the checkpoint.</summary>
    public override IEnumerable<string> InputFiles() =>
        ValueModel is null ? base.InputFiles() : [.. base.InputFiles(), Path.Combine(ValueModel, ModelFiles.Config)];
}

/// <summary>Batch sizes of a PPO step.</summary>
internal sealed record PpoBatchSettings : OnPolicyBatchSettings
{
    /// <summary>256 prompts by default.</summary>
    public PpoBatchSettings() => Prompts = 256;

    [Range(1, 65536)] public int Minibatch { get; init; } = 64;
}
