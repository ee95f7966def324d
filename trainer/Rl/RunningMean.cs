namespace Rudder.Trainer.Rl;

/// <summary>REINFORCE's running baseline: an exponential mean of the rewards of earlier steps, corrected for its start.</summary>
/// <param name="Sum">Decayed sum of the steps' mean rewards.</param>
/// <param name="Weight">Decayed sum of ones; 0 before the first step.</param>
/// <remarks>The baseline of a step excludes the step's own rewards: otherwise it depends on the actions and biases the gradient.</remarks>
internal readonly record struct RunningMean(double Sum, double Weight)
{
    /// <summary>The baseline; 0 before the first step.</summary>
    public double Value => Weight == 0 ? 0 : Sum / Weight;

    /// <summary>The mean after a further step.</summary>
    /// <param name="reward">Mean reward of the step.</param>
    /// <param name="decay">Weight of the past per step, 0 to below 1.</param>
    public RunningMean With(double reward, double decay) =>
        new((decay * Sum) + ((1 - decay) * reward), (decay * Weight) + (1 - decay));
}
