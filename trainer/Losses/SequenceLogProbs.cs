using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>Log-probabilities of completions: log π(y|x) = Σ_t log_softmax(logits_t)[y_t] over completion tokens only.</summary>
internal static class SequenceLogProbs
{
    /// <summary>Label of a position that is not scored (prompt, padding), as in the Hugging Face loss functions.</summary>
    public const long IgnoredLabel = -100;

    /// <summary>Log-prob of each target token: logit[target] − logsumexp(logits), so no [N,V] table of log-probs is kept.</summary>
    /// <param name="logits">Unnormalised scores in nats, at the positions that predict the targets; carries the gradient. [N,V]</param>
    /// <param name="targets">Token ids, int64. [N]</param>
    /// <returns>Nats, ≤ 0, [N].</returns>
    public static Tensor OfTokens(Tensor logits, Tensor targets)
    {
        Tensor chosen = logits.gather(1, targets.unsqueeze(1)).squeeze(1); // [N]
        return chosen - logits.logsumexp(1); // [N]
    }

    /// <summary>Sums token log-probs per sequence, where tokens of all sequences lie in one flat row.</summary>
    /// <remarks>
    /// A gather followed by a sum, not a scatter: on the CPU an accumulating scatter adds in an order that depends on
    /// the threads, and runs would not repeat bit for bit.
    /// </remarks>
    /// <param name="tokenLogProbs">Nats per token; carries the gradient. [N]</param>
    /// <param name="slots">Index into <paramref name="tokenLogProbs"/> of token t of sequence b, int64; N where it has none. [B,L]</param>
    /// <returns>Nats per sequence, [B].</returns>
    public static Tensor SumPerSequence(Tensor tokenLogProbs, Tensor slots)
    {
        Tensor none = zeros(1, dtype: tokenLogProbs.dtype, device: tokenLogProbs.device); // [1]
        Tensor padded = cat([tokenLogProbs, none], 0); // [N+1]
        return padded.index_select(0, slots.reshape([-1])).reshape(slots.shape).sum(1L); // [B,L] -> [B]
    }

    /// <summary>Sums and counts per sequence from full logits and labels aligned with the inputs (labels[:,0] is never scored).</summary>
    /// <param name="logits">Position t predicts label t+1; carries the gradient. [B,T,V]</param>
    /// <param name="labels">Token ids, int64; <see cref="IgnoredLabel"/> where the token is prompt or padding. [B,T]</param>
    /// <returns>Sums in nats [B], and scored tokens per sequence as int64 [B]; their quotient is the per-token mean.</returns>
    public static (Tensor Sums, Tensor Counts) OfLabels(Tensor logits, Tensor labels)
    {
        (long rows, long length, long vocabulary) = (logits.shape[0], logits.shape[1], logits.shape[2]);
        Tensor targets = labels.split([1, length - 1], 1)[1]; // [B,T-1]
        Tensor scored = targets.ne(IgnoredLabel); // [B,T-1]
        Tensor safe = targets.masked_fill(targets.eq(IgnoredLabel), 0); // any id: its log-prob is dropped below
        Tensor shifted = logits.split([length - 1, 1], 1)[0].reshape([-1, vocabulary]); // [B·(T-1),V]
        Tensor logProbs = OfTokens(shifted, safe.reshape([-1])).reshape([rows, length - 1]); // [B,T-1]
        return (where(scored, logProbs, zeros_like(logProbs)).sum(1L), scored.to(ScalarType.Int64).sum(1L)); // [B], [B]
    }
}
