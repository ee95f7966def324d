using System.Text.Json;
using System.Text.Json.Serialization;
using Rudder.Trainer.Losses;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Online DPO: n completions of each prompt, ranked by their reward, all ordered pairs through a preference loss.</summary>
internal sealed record OnlineDpoRecipe : OnPolicyRecipe
{
    [JsonConverter(typeof(LossConverter))] public IReadOnlyDictionary<string, double> Loss { get; init; } = new Dictionary<string, double> { ["dpo"] = 1 };
    [JsonExtensionData] public Dictionary<string, JsonElement> LossSettings { get; init; } = [];
    public GroupBatchSettings Batch { get; init; } = new();

    internal override OnPolicyBatchSettings Sizes => Batch;

    internal override string? NeedsOneProcess => BindLoss() is { NeedsWholeStep: true } loss
        ? $"loss '{loss.Name}' compares all pairs of a step with each other"
        : base.NeedsOneProcess;

    /// <summary>The loss with its settings.</summary>
    /// <exception cref="BadInputException">A loss is unknown, has no such setting, or has a weight that is not above 0.</exception>
    public PreferenceLoss BindLoss() => LossBinding.Bind(Loss, LossSettings);

    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        Batch.RequireGroups(path);
        PreferenceLoss loss = BindLoss();
        LossBinding.CheckValues(loss, path);
        if (loss.NeedsMismatched || loss.NeedsRewardMean)
        {
            throw new BadInputException($"{path}: loss '{loss.Name}' reads more than the pairs of a step, which online-dpo does not have. Choose a loss of pairs, such as dpo or ipo.");
        }

        int completions = Batch.Prompts * Batch.Samples;
        if (loss.NeedsWholeStep && completions > Batch.Sequences)
        {
            throw new BadInputException(
                $"{path}: loss '{loss.Name}' compares all pairs of a step with each other, so the step's {completions} completions must be one forward pass. Raise batch.sequences to that.");
        }

        return this with { LossSettings = LossBinding.Settings(loss) };
    }
}
