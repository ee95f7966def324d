using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>REINFORCE with a baseline, and optionally the exact, differentiable KL to the reference.</summary>
internal sealed record ReinforceRecipe : OnPolicyRecipe
{
    /// <summary>none; running-mean of earlier steps' rewards; leave-one-out, the mean of the prompt's other completions.</summary>
    [AllowedValues("none", "running-mean", "leave-one-out")] public string Baseline { get; init; } = "none";

    /// <summary>Only for running-mean: weight of the past per step.</summary>
    [Range(0.0, 1.0, MaximumIsExclusive = true)] public double BaselineDecay { get; init; } = 0.9;

    /// <summary>α of the KL term, reward per nat; 0 leaves it out.</summary>
    [Range(0.0, 1e9)] public double Alpha { get; init; }

    /// <summary>Batch sizes of a step.</summary>
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
