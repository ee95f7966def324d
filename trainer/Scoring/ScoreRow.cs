namespace Rudder.Trainer.Scoring;

/// <summary>One row to score.</summary>
/// <param name="Windows">Sequences for the model: one, or the consecutive windows of a text longer than a classifier's context.</param>
/// <param name="PromptLength">Decoder: tokens at the start that are given, not scored. Classifier: 0.</param>
internal sealed record ScoreRow(IReadOnlyList<int[]> Windows, int PromptLength)
{
    /// <summary>The longest sequence in it.</summary>
    public int Length => Windows.Max(window => window.Length);
}
