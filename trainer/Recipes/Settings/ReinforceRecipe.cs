using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>REINFORCE with a baseline, and optionally the exact, differentiable KL to the reference.</summary>
internal sealed record ReinforceRecipe : OnPolicyRecipe
{
    [AllowedValues("none", "running-mean", "leave-one-out")] public string Baseline { get; init; } = "none";
    [Range(0.0, 1.0, MaximumIsExclusive = true)] public double BaselineDecay { get; init; } = 0.9;
    [Range(0.0, 1e9)] public double Alpha { get; init; }
    public OnPolicyBatchSettings Batch { get; init; } = new();

    internal override OnPolicyBatchSettings Sizes => Batch;

    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        return Baseline != "leave-one-out" || Batch.Samples > 1
            ? this
            : throw new BadInputException($"{path}: baseline is 'leave-one-out', but batch.samples is 1: there is no other completion. Give 2 or more samples.");
    }
}
