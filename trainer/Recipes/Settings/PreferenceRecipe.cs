using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rudder.Trainer.Losses;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Preference training on pairs of completions: DPO and its relatives. Dropout is 0 here unless the recipe sets it.</summary>
internal sealed record PreferenceRecipe : CompletionRecipe
{
    /// <summary>
    /// The reference: a folder, or an object that also says how it follows the policy. Refused if the loss needs none. The default is
    /// <see cref="TrainingRecipe.Model"/>, of which the policy starts as a copy.
    /// </summary>
    [JsonConverter(typeof(ReferenceConverter))] public ReferenceSettings? Reference { get; init; }

    /// <summary>Name of the loss, or an object of names and weights for a mix; docs/recipes.md lists them.</summary>
    [JsonConverter(typeof(LossConverter))]
    public IReadOnlyDictionary<string, double> Loss { get; init; } = new Dictionary<string, double> { ["dpo"] = 1 };

    /// <summary>Settings of the losses. In the file they stand beside the others; <see cref="PreferenceLoss"/> documents them.</summary>
    [JsonExtensionData] public Dictionary<string, JsonElement> LossSettings { get; init; } = [];

    /// <summary>Held-out prompts whose completions measure the KL in evaluations; 0 for none.</summary>
    [Range(0, 1024)] public int KlPrompts { get; init; } = 32;

    /// <summary>Folder of cached reference log-probs.</summary>
    public string? ReferenceCache { get; init; }

    /// <summary>Batch sizes of a step.</summary>
    public PreferenceBatchSettings Batch { get; init; } = new();

    internal override IReadOnlyDictionary<string, int> Shares => new Dictionary<string, int> { ["batch.groups"] = Batch.Groups };

    internal override string? NeedsOneProcess =>
        BindLoss() is { NeedsWholeStep: true } loss ? $"loss '{loss.Name}' compares all pairs of a step with each other" : null;

    public override IEnumerable<string> FrozenModels() =>
        BindLoss().NeedsReference && (Reference?.Folder ?? Model) is string folder ? [folder] : [];

    /// <summary>The loss with its settings. Settings of another loss are refused, not ignored.</summary>
    /// <exception cref="BadInputException">A loss is unknown, has no such setting, or has a weight that is not above 0.</exception>
    public PreferenceLoss BindLoss() => LossBinding.Bind(Loss, LossSettings);

    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        PreferenceLoss loss = BindLoss();
        LossBinding.CheckValues(loss, path);
        if (!loss.NeedsReference && Reference is not null)
        {
            throw new BadInputException($"{path}: reference is {Reference}, but loss '{loss.Name}' reads none. Leave it out, or choose another loss.");
        }

        if (loss.NeedsWholeStep && Batch.Accumulation > 1)
        {
            throw new BadInputException(
                $"{path}: batch.accumulation is {Batch.Accumulation}, but loss '{loss.Name}' compares all pairs of a step with each other. "
                + "Give accumulation 1, and raise batch.groups instead.");
        }

        Reference?.Check(path);
        if (Lora is not null && Reference is { SyncEvery: > 0 })
        {
            throw new BadInputException(
                $"{path}: reference.sync_every is {Reference.SyncEvery}, but with lora the reference is the base, which never moves. Leave one of them out.");
        }

        return this with { LossSettings = LossBinding.Settings(loss) };
    }
}

/// <summary>Batch sizes of a preference step.</summary>
internal sealed record PreferenceBatchSettings
{
    /// <summary>group runs each completion once; pair runs two sequences per pair (same loss, more work, for comparison).</summary>
    [AllowedValues("group", "pair")] public string Mode { get; init; } = "group";

    /// <summary>Prompts in one forward pass.</summary>
    [Range(1, 65536)] public int Groups { get; init; } = 8;

    /// <summary>Forward passes per step; their gradients add up.</summary>
    [Range(1, 65536)] public int Accumulation { get; init; } = 1;
}
