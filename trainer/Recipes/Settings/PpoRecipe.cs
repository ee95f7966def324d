using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>PPO (arXiv:1707.06347) with a value model, the KL in the reward, and several passes over each step's completions.</summary>
internal sealed record PpoRecipe : OnPolicyRecipe
{
    /// <summary>Folder of the language model whose blocks the value model starts from; its scalar head starts at 0. The default is <c>model</c>.</summary>
    public string? ValueModel { get; init; }

    /// <summary>Reward per nat of token k1; the first one where it adapts.</summary>
    [Range(0.0, 1e9)] public double KlCoef { get; init; } = 0.05;

    /// <summary>Sequence KL, nats, towards which kl_coef adapts; 0 keeps kl_coef fixed.</summary>
    [Range(0.0, 1e9)] public double KlTarget { get; init; }

    /// <summary>Only with kl_target: largest relative change of kl_coef per step is a fifth of this.</summary>
    [Range(0.0, 1.0)] public double KlGain { get; init; } = 0.1;

    /// <summary>Discount per token.</summary>
    [Range(0.0, 1.0)] public double Gamma { get; init; } = 1;

    /// <summary>λ of the advantage estimate: 0 trusts the value model, 1 the sampled return.</summary>
    [Range(0.0, 1.0)] public double Lambda { get; init; } = 0.95;

    /// <summary>Clip of a token's ratio, on both sides.</summary>
    [Range(0, 1.0, MinimumIsExclusive = true)] public double Clip { get; init; } = 0.2;

    /// <summary>How far a value may move per step before its loss is clipped, in units of reward.</summary>
    [Range(0, 1e9, MinimumIsExclusive = true)] public double ValueClip { get; init; } = 0.2;

    /// <summary>Weight of the value loss.</summary>
    [Range(0.0, 1e9)] public double VfCoef { get; init; } = 0.1;

    /// <summary>Passes over each step's completions.</summary>
    [Range(1, 1000)] public int PpoEpochs { get; init; } = 4;

    /// <summary>Batch sizes of a step.</summary>
    public PpoBatchSettings Batch { get; init; } = new();

    internal override OnPolicyBatchSettings Sizes => Batch;
}

/// <summary>Batch sizes of a PPO step.</summary>
internal sealed record PpoBatchSettings : OnPolicyBatchSettings
{
    /// <summary>256 prompts by default.</summary>
    public PpoBatchSettings() => Prompts = 256;

    /// <summary>Completions of one optimizer step.</summary>
    [Range(1, 65536)] public int Minibatch { get; init; } = 64;
}
