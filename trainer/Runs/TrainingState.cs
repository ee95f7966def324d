namespace Rudder.Trainer.Runs;

/// <summary>Where a run stands; with the seed it decides every batch to come.</summary>
/// <param name="Step">Optimizer steps taken.</param>
/// <param name="Epoch">Passes over the data that are complete.</param>
/// <param name="Cursor">Optimizer steps of the current pass already taken.</param>
/// <param name="Tokens">Tokens learned from so far.</param>
/// <param name="Seconds">Wall time spent training so far, evaluation included.</param>
internal sealed record TrainingState(int Step, int Epoch, int Cursor, long Tokens, double Seconds)
{
    /// <summary>The beginning.</summary>
    public static TrainingState Start { get; } = new(0, 0, 0, 0, 0);
}
