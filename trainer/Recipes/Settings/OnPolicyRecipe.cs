using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The settings of every recipe that trains on completions of its own policy.</summary>
internal abstract record OnPolicyRecipe : TrainingRecipe
{
    /// <summary>Folder of the frozen reference. The default is <see cref="TrainingRecipe.Model"/>, of which the policy starts as a copy.</summary>
    public string? Reference { get; init; }

    /// <summary>The prompts.</summary>
    public PromptSettings Prompts { get; init; } = new();

    /// <summary>Tokens of a completion at most; it ends earlier at the end-of-text token.</summary>
    [Range(1, 8192)] public int MaxNewTokens { get; init; } = 48;

    /// <summary>What scores a completion. The total is the weighted sum.</summary>
    [MinLength(1)] public IReadOnlyList<RewardSettings> Rewards { get; init; } = [];

    /// <summary>Who draws the completions.</summary>
    public RolloutSettings Rollouts { get; init; } = new();

    /// <summary>How tokens are drawn. The default samples from the policy itself, and other values need allow_biased_sampling.</summary>
    public SamplingSettings Sampling { get; init; } = new();

    /// <summary>Whether to accept sampling settings under which the gradient is no longer that of the policy's own completions.</summary>
    public bool AllowBiasedSampling { get; init; }

    /// <summary>Largest difference between the trainer's and the engine's log-prob of a token, nats; above it the run stops.</summary>
    [Range(0.0, 1e9)] public double MaxLogpGap { get; init; } = 1e-3;

    /// <summary>Mean exact KL of a completion, nats, above which an alarm sounds; 0 for none.</summary>
    [Range(0.0, 1e9)] public double MaxKl { get; init; } = 50;

    /// <summary>Steps between the lines of samples.jsonl; 0 writes none.</summary>
    [Range(0, 100_000_000)] public int SampleEvery { get; init; } = 10;

    /// <summary>The batch sizes of a step.</summary>
    internal abstract OnPolicyBatchSettings Sizes { get; }

    public override IEnumerable<string> InputFiles() => Prompts.InputFiles();

    public override IEnumerable<string> FrozenModels() =>
        [.. new[] { Reference ?? Model }.Concat(Rewards.Where(reward => reward.IsFolder).Select(reward => reward.Model)).OfType<string>().Distinct()];

    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        if (Dropout is > 0)
        {
            throw new BadInputException(FormattableString.Invariant(
                $"{path}: dropout is {Dropout}; completions are drawn without it, so log-probs in training would be of another policy. Leave it out."));
        }

        if (Rollouts.Engine == "service")
        {
            throw new BadInputException($"{path}: rollouts.engine is 'service', which is not supported yet; completions are drawn in this process. Leave it out.");
        }

        if (!AllowBiasedSampling && Sampling != new SamplingSettings())
        {
            throw new BadInputException(
                $"{path}: sampling differs from temperature 1 without truncation, which biases every ratio and gradient. Leave it out, or set allow_biased_sampling to true.");
        }

        Prompts.Check(path);
        RewardSettings.Check(Rewards, path);
        return this;
    }
}

/// <summary>How the next token is drawn.</summary>
internal sealed record SamplingSettings
{
    /// <summary>Divides the logits; 0 is greedy.</summary>
    [Range(0.0, 100.0)] public double Temperature { get; init; } = 1;

    /// <summary>Keeps the k most probable tokens; 0 keeps all.</summary>
    [Range(0, 1_000_000)] public int TopK { get; init; }

    /// <summary>Keeps the smallest set of tokens whose probability reaches this; 1 keeps all.</summary>
    [Range(0, 1.0, MinimumIsExclusive = true)] public double TopP { get; init; } = 1;

    /// <summary>Keeps tokens with at least this share of the largest probability; 0 keeps all.</summary>
    [Range(0, 1.0, MaximumIsExclusive = true)] public double MinP { get; init; }
}

/// <summary>Who draws the completions.</summary>
internal sealed record RolloutSettings
{
    /// <summary>in_process draws in the trainer's own process.</summary>
    [AllowedValues("in_process", "service")] public string Engine { get; init; } = "in_process";

    /// <summary>Sequences decoded together; a smaller step uses fewer.</summary>
    [Range(1, 1024)] public int Slots { get; init; } = 64;
}

/// <summary>The batch sizes of an on-policy step.</summary>
internal record OnPolicyBatchSettings
{
    /// <summary>Prompts of a step.</summary>
    [Range(1, 1024)] public int Prompts { get; init; } = 32;

    /// <summary>Completions of each prompt.</summary>
    [Range(1, 64)] public int Samples { get; init; } = 1;

    /// <summary>Completions in one forward pass, in whole groups of a prompt; their gradients add up. Memory grows with it.</summary>
    [Range(1, 65536)] public int Sequences { get; init; } = 64;
}
