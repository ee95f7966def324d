using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The settings of every recipe that trains on completions of its own policy.</summary>
internal abstract record OnPolicyRecipe : TrainingRecipe
{
    private const double Fp32LogpGap = 1e-3;

    public string? Reference { get; init; }
    public PromptSettings Prompts { get; init; } = new();
    [Range(1, 8192)] public int MaxNewTokens { get; init; } = 48;
    [MinLength(1)] public IReadOnlyList<RewardSettings> Rewards { get; init; } = [];
    public RolloutSettings Rollouts { get; init; } = new();
    public SamplingSettings Sampling { get; init; } = new();
    public bool AllowBiasedSampling { get; init; }
    [Range(0.0, 1e9)] public double MaxLogpGap { get; init; } = Fp32LogpGap;
    [Range(0.0, 1e9)] public double MaxKl { get; init; } = 50;
    [Range(0, 100_000_000)] public int SampleEvery { get; init; } = 10;

    /// <summary>The batch sizes of a step.</summary>
    internal abstract OnPolicyBatchSettings Sizes { get; }

    internal override string? NeedsOneProcess => Rollouts.Engine == "service" ? "rollouts.engine is 'service', which loads one policy under the run's name" : null;

    internal override IReadOnlyDictionary<string, int> Shares => new Dictionary<string, int> { ["batch.prompts"] = Sizes.Prompts };

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

        if (UsesBf16 && MaxLogpGap <= Fp32LogpGap)
        {
            throw new BadInputException(FormattableString.Invariant(
                $"{path}: precision is 'bf16', but max_logp_gap is {MaxLogpGap}. Completions are drawn in fp32, so bf16 log-probs differ by more. ")
                + "Set max_logp_gap to what you accept (docs/recipes.md gives measured values), or use fp32.");
        }

        if (!AllowBiasedSampling && Sampling != new SamplingSettings())
        {
            throw new BadInputException(
                $"{path}: sampling differs from temperature 1 without truncation, which biases every ratio and gradient. Leave it out, or set allow_biased_sampling to true.");
        }

        Rollouts.Check(path);
        Prompts.Check(path);
        RewardSettings.Check(Rewards, path);
        return this;
    }
}

/// <summary>How the next token is drawn.</summary>
internal sealed record SamplingSettings
{
    [Range(0.0, 100.0)] public double Temperature { get; init; } = 1;
    [Range(0, 1_000_000)] public int TopK { get; init; }
    [Range(0, 1.0, MinimumIsExclusive = true)] public double TopP { get; init; } = 1;
    [Range(0, 1.0, MaximumIsExclusive = true)] public double MinP { get; init; }
}

/// <summary>Who draws the completions.</summary>
internal sealed record RolloutSettings
{
    [AllowedValues("in_process", "service")] public string Engine { get; init; } = "in_process";
    [Range(1, 1024)] public int Slots { get; init; } = 64;
    public string? Service { get; init; }
    public string? ApiKeyFile { get; init; }
    [Range(0.001, 86400)] public double? TimeoutSeconds { get; init; }
    [Range(0, 50)] public int? Retries { get; init; }

    /// <summary>Refuses settings that contradict each other or that nothing would read.</summary>
    /// <param name="path">The recipe file, for messages.</param>
    internal void Check(string path)
    {
        (string Key, object? Value)[] ofService =
            [("service", Service), ("api_key_file", ApiKeyFile), ("timeout_seconds", TimeoutSeconds), ("retries", Retries)];
        if (Engine != "service" && Array.Find(ofService, setting => setting.Value is not null).Key is string unread)
        {
            throw new BadInputException($"{path}: rollouts.{unread} is given, but rollouts.engine is '{Engine}' and only 'service' reads it. Leave it out, or choose 'service'.");
        }

        if (Engine == "service" && !(Uri.TryCreate(Service, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"))
        {
            throw new BadInputException($"{path}: rollouts.service is '{Service}'; rollouts.engine 'service' needs the http or https address of one, as in http://127.0.0.1:5080.");
        }
    }
}

/// <summary>The batch sizes of an on-policy step.</summary>
internal record OnPolicyBatchSettings
{
    [Range(1, 1024)] public int Prompts { get; init; } = 32;
    [Range(1, 64)] public int Samples { get; init; } = 1;
    [Range(1, 65536)] public int Sequences { get; init; } = 64;
}
