namespace Rudder.Trainer.Rl;

/// <summary>A prompt of an on-policy recipe.</summary>
/// <param name="Id">Names it in logs and errors: the text's id, with "#k" where it was cut to k tokens.</param>
/// <param name="Ids">Token ids, at least one.</param>
/// <param name="Text">The text of exactly these ids.</param>
internal sealed record RolloutPrompt(string Id, int[] Ids, string Text);
