using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>
/// Cross-entropy over the vocabulary that keeps no [N,V] matrix for the backward pass. The gradient has a closed form,
/// so each block of rows is multiplied once and freed. It takes half the time of log_softmax and its backward on a CPU.
/// </summary>
internal static class VocabularyLoss
{
    private const long RowsPerBlock = 512; // a block of logits then stays in the cache

    /// <summary>−Σ log softmax(h·Wᵀ)[target], in nats.</summary>
    /// <param name="hidden">Final hidden states h, [N,D].</param>
    /// <param name="vocabulary">Output matrix W, [V,D].</param>
    /// <param name="targetRows">W's rows of the targets, gathered with gradient so that it flows back to W, [N,D].</param>
    /// <param name="operand">W in the type of the products, float32 or bfloat16; softmax and sums are float32, [V,D].</param>
    /// <returns>[]; exact first derivatives in all three arguments, no second ones.</returns>
    /// <remarks>
    /// Σ lse(h·Wᵀ) has the gradients A = P·W in h and C = Pᵀ·h in W, P the softmax. Both are computed here without a graph, and
    /// Σ h∘A + Σ W∘C, taken with A and C as constants, has the same gradients; only its value is replaced by the loss.
    /// </remarks>
    public static Tensor Sum(Tensor hidden, Tensor vocabulary, Tensor targetRows, Tensor operand)
    {
        Tensor matched = (hidden * targetRows).sum(); // [] Σ of the targets' logits
        bool learning = matched.requires_grad;
        (Tensor logSums, Tensor gradientHidden, Tensor gradientVocabulary) = Partition(hidden, operand, learning);
        Tensor value = logSums - matched.detach(); // []
        if (!learning)
        {
            return value;
        }

        Tensor carrier = (hidden * gradientHidden).sum() + (vocabulary * gradientVocabulary).sum() - matched; // []
        return carrier + (value - carrier.detach());
    }

    /// <summary>Σ lse and, on request, its gradients in h [N,D] and W [V,D].</summary>
    private static (Tensor LogSums, Tensor Hidden, Tensor Vocabulary) Partition(Tensor hidden, Tensor operand, bool learning)
    {
        using var quiet = no_grad();
        Tensor weights = operand.detach();
        Tensor logSums = zeros(1, device: hidden.device).sum(); // []
        Tensor gradientVocabulary = zeros(learning ? weights.shape : [1], device: hidden.device);
        List<Tensor> gradientHidden = [];
        foreach (Tensor rows in hidden.detach().to(weights.dtype).split(RowsPerBlock, 0)) // [n,D]
        {
            using var scope = NewDisposeScope();
            Tensor logits = rows.matmul(weights.t()).to(float32); // [n,V]
            logSums.add_(logits.logsumexp(-1).sum());
            if (learning)
            {
                Tensor probabilities = logits.softmax(-1).to(weights.dtype); // [n,V]
                gradientHidden.Add(probabilities.matmul(weights).to(float32).MoveToOuterDisposeScope()); // [n,D]
                gradientVocabulary.add_(probabilities.t().matmul(rows)); // [V,D]
            }
        }

        return (logSums, learning ? cat(gradientHidden) : logSums, gradientVocabulary);
    }
}
