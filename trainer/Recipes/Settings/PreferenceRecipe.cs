using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rudder.Trainer.Losses;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Preference training on pairs of completions: DPO and its relatives. Dropout is 0 here unless the recipe sets it.</summary>
internal sealed record PreferenceRecipe : TrainingRecipe
{
    /// <summary>
    /// Folder of the frozen reference; refused if the loss needs none. The policy starts as a copy of <see cref="TrainingRecipe.Model"/>.
    /// </summary>
    public string? Reference { get; init; }

    /// <summary>Pair file (.jsonl or .jsonl.gz of preference.v1.PreferencePair). Required.</summary>
    public string Pairs { get; init; } = string.Empty;

    /// <summary>Pair file for evaluation only, every evaluate_every steps and at the end; null for none.</summary>
    public string? EvaluationPairs { get; init; }

    /// <summary>Name of the loss; docs/recipes.md lists them.</summary>
    public string Loss { get; init; } = "dpo";

    /// <summary>Settings of the loss. In the file they stand beside the others; <see cref="PreferenceLoss"/> documents them.</summary>
    [JsonExtensionData] public Dictionary<string, JsonElement> LossSettings { get; init; } = [];

    /// <summary>Maximum tokens of prompt and completion together; 0 means the model's context.</summary>
    [Range(0, 8192)] public int MaxLength { get; init; }

    /// <summary>Maximum tokens of a prompt; 0 means max_length − 1.</summary>
    [Range(0, 8192)] public int MaxPrompt { get; init; }

    /// <summary>What happens to a longer sequence: refuse reports an error, truncate cuts and counts it.</summary>
    [AllowedValues("refuse", "truncate")] public string OverLength { get; init; } = "refuse";

    /// <summary>Folder of cached reference log-probs.</summary>
    public string? ReferenceCache { get; init; }

    /// <summary>Batch sizes of a step.</summary>
    public PreferenceBatchSettings Batch { get; init; } = new();

    public override IEnumerable<string> InputFiles() => EvaluationPairs is null ? [Pairs] : [Pairs, EvaluationPairs];

    /// <summary>The loss with its settings. Settings of another loss are refused, not ignored.</summary>
    /// <exception cref="BadInputException">The loss is unknown, or has no such setting.</exception>
    public PreferenceLoss BindLoss()
    {
        if (!PreferenceLoss.All.TryGetValue(Loss, out PreferenceLoss? known))
        {
            throw new BadInputException($"loss is '{Loss}'.{Spelling.Hint(Loss, PreferenceLoss.All.Keys)} Known losses are {string.Join(", ", PreferenceLoss.All.Keys)}.");
        }

        string? foreign = LossSettings.Keys.FirstOrDefault(key => !Has(known, key));
        return foreign is null
            ? RecipeReader.Bind<PreferenceLoss>(LossSettings, known.GetType())
            : throw new BadInputException(
                $"{foreign} is {LossSettings[foreign]}, but loss '{Loss}' has no such setting. Leave it out, or choose "
                + $"{string.Join(" or ", PreferenceLoss.All.Values.Where(loss => Has(loss, foreign)).Select(loss => loss.Name))}.");

        static bool Has(PreferenceLoss loss, string key) => loss.Settings().Any(setting => RecipeReader.KeyOf(setting.Name) == key);
    }

    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        PreferenceLoss loss = BindLoss();
        RecipeCheck.Values(loss, string.Empty, path);
        return loss.NeedsReference || Reference is null
            ? this with { LossSettings = RecipeReader.Unbind(loss) }
            : throw new BadInputException($"{path}: reference is {Reference}, but loss '{Loss}' reads none. Leave it out, or choose another loss.");
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
