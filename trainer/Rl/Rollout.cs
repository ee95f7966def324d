using Rudder.Checkpoints;

namespace Rudder.Trainer.Rl;

/// <summary>One completion that the policy drew.</summary>
/// <param name="Prompt">Its prompt.</param>
/// <param name="SampleIndex">Its number among the prompt's completions, from 0.</param>
/// <param name="Ids">Drawn ids, at least one; an end-of-text id only where it was drawn.</param>
/// <param name="LogProbs">log π(id) when it was drawn: temperature 1, no truncation, nats.</param>
/// <param name="PolicyVersion">Optimizer steps that the drawing policy had taken.</param>
/// <param name="Ended">Whether it ended with an end token or a stop string rather than at the length limit.</param>
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
    string Completion)
{
    /// <summary>A completion with its texts.</summary>
    /// <param name="prompt">Its prompt.</param>
    /// <param name="sampleIndex">Its number among the prompt's completions.</param>
    /// <param name="ids">Drawn ids.</param>
    /// <param name="logProbs">Their log-probs, nats.</param>
    /// <param name="policyVersion">Optimizer steps that the drawing policy had taken.</param>
    /// <param name="ended">As <see cref="Ended"/>.</param>
    /// <param name="tokenizer">The policy's. A vocabulary padded beyond the tokenizer's has ids that stand for no text.</param>
    public static Rollout Of(
        RolloutPrompt prompt, int sampleIndex, int[] ids, float[] logProbs, int policyVersion, bool ended, TextTokenizer tokenizer)
    {
        return new Rollout(prompt, sampleIndex, ids, logProbs, policyVersion, ended, Decode([.. prompt.Ids, .. ids]), Decode(ids, continues: true));

        string Decode(IEnumerable<int> all, bool continues = false) => tokenizer.Decode(all.Where(id => id < tokenizer.VocabularySize), continues);
    }
}
