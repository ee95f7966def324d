namespace Rudder.Trainer.Rl;

/// <summary>One completion that the policy drew.</summary>
/// <param name="Prompt">Its prompt.</param>
/// <param name="SampleIndex">Its number among the prompt's completions, from 0.</param>
/// <param name="Ids">Drawn ids, at least one; an end-of-text id only where it was drawn.</param>
/// <param name="LogProbs">log π(id) when it was drawn: temperature 1, no truncation, nats.</param>
/// <param name="PolicyVersion">Optimizer steps that the drawing policy had taken.</param>
/// <param name="Ended">Whether it ended by itself, not at the length limit.</param>
/// <param name="Text">The text of prompt and completion, decoded together: a character may span both.</param>
/// <param name="Completion">The completion's own text.</param>
internal sealed record Rollout(
    RolloutPrompt Prompt,
    int SampleIndex,
    int[] Ids,
    float[] LogProbs,
    int PolicyVersion,
    bool Ended,
    string Text,
    string Completion);
