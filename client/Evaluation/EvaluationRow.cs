namespace Rudder.Client.Evaluation;

/// <summary>One evaluated prompt: a line of <c>FILE.samples.jsonl</c>.</summary>
/// <param name="PromptId">Stable id.</param>
/// <param name="Prompt">Its text.</param>
/// <param name="Completions">In the order of the sample index.</param>
internal sealed record EvaluationRow(string PromptId, string Prompt, IReadOnlyList<EvaluatedCompletion> Completions);

/// <summary>One completion with its reward and divergence.</summary>
/// <param name="Text">Completion without the prompt.</param>
/// <param name="Tokens">Drawn tokens, end-of-text included.</param>
/// <param name="Ended">True where it ended with end-of-text, false where the length limit cut it off.</param>
/// <param name="Reward">P(positive) of prompt and completion together.</param>
/// <param name="KlSeqExact">kl/seq_exact, nats.</param>
/// <param name="KlSeqK1">kl/seq_k1, nats; may be negative.</param>
internal sealed record EvaluatedCompletion(string Text, int Tokens, bool Ended, double Reward, double KlSeqExact, double KlSeqK1);
