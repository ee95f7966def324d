using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>RLOO: REINFORCE on groups of completions with a leave-one-out baseline and the KL in the reward (arXiv:2402.14740).</summary>
internal sealed record RlooRecipe : OnPolicyRecipe
{
    [Range(0.0, 1e9)] public double KlCoef { get; init; } = 0.05;
    [Range(1, 1000)] public int Iterations { get; init; } = 1;
    [Range(0, 1.0, MinimumIsExclusive = true)] public double Clip { get; init; } = 0.2;
    public GroupBatchSettings Batch { get; init; } = new();

    internal override OnPolicyBatchSettings Sizes => Batch;

    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        Batch.RequireGroups(path);
        return this;
    }
}

/// <summary>Batch sizes of a recipe that compares the completions of one prompt.</summary>
internal sealed record GroupBatchSettings : OnPolicyBatchSettings
{
    /// <summary>Four completions of each prompt by default.</summary>
    public GroupBatchSettings() => Samples = 4;

    /// <summary>Refuses single completions.</summary>
    /// <param name="path">The recipe file, for messages.</param>
    internal void RequireGroups(string path)
    {
        if (Samples < 2)
        {
            throw new BadInputException($"{path}: batch.samples is {Samples}; the completions of a prompt are compared with each other. Give 2 or more.");
        }
    }
}
