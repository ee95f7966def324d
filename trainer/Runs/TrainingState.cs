namespace Rudder.Trainer.Runs;

/// <summary>A run's progress. Together with the seed it determines all further batches.</summary>
/// <param name="Step">Optimizer steps taken.</param>
/// <param name="Epoch">Complete passes over the data.</param>
/// <param name="Cursor">Optimizer steps taken in the current pass.</param>
/// <param name="Tokens">Training tokens so far.</param>
/// <param name="Seconds">Wall time so far, evaluation included.</param>
internal sealed record TrainingState(int Step, int Epoch, int Cursor, long Tokens, double Seconds)
{
    /// <summary>The state before the first step.</summary>
    public static TrainingState Start { get; } = new(0, 0, 0, 0, 0);
}
