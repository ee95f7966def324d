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
    /// <param name="targets">Token ids, int64, [N].</param>
    /// <param name="operand">W in the type of the products, float32 or bfloat16; softmax and sums are float32, [V,D].</param>
    /// <returns>[]; exact first derivatives in h and W, no second ones.</returns>
    /// <remarks>
    /// With P the softmax and Y the one-hot targets, the gradients are A = (P − Y)·W in h and C = (P − Y)ᵀ·h in W. Both are computed here
    /// without a graph, each only where it is wanted. Σ h∘A + Σ W∘C, taken with A and C as constants, has the same gradients; only its value
    /// is replaced by the loss.
    /// </remarks>
    public static Tensor Sum(Tensor hidden, Tensor vocabulary, Tensor targets, Tensor operand)
    {
        bool recording = is_grad_enabled(); // an evaluation computes no gradient, whatever the parameters want
        (Tensor value, Tensor? byHidden, Tensor? byVocabulary) =
            Blocks(hidden, targets, operand, recording && hidden.requires_grad, recording && vocabulary.requires_grad);
        Tensor? carrier = byHidden is null ? null : hidden.reshape(-1).dot(byHidden.reshape(-1)); // []
        if (byVocabulary is not null)
        {
            Tensor part = vocabulary.reshape(-1).dot(byVocabulary.reshape(-1)); // []
            carrier = carrier is null ? part : carrier + part;
        }

        return carrier is null ? value : carrier + (value - carrier.detach());
    }

    /// <summary>The loss [] and, on request, its gradients in h [N,D] and W [V,D].</summary>
    private static (Tensor Value, Tensor? Hidden, Tensor? Vocabulary) Blocks(
        Tensor hidden, Tensor targets, Tensor operand, bool hiddenLearns, bool vocabularyLearns)
    {
        using var quiet = no_grad();
        Tensor weights = operand.detach();
        Tensor value = zeros(1, device: hidden.device).sum(); // []
        Tensor? gradientVocabulary = vocabularyLearns ? zeros(weights.shape, device: hidden.device) : null;
        List<Tensor> gradientHidden = [];
        Tensor[] chosen = targets.unsqueeze(1).split(RowsPerBlock, 0); // [n,1]
        foreach ((int block, Tensor rows) in hidden.detach().to(weights.dtype).split(RowsPerBlock, 0).Index()) // [n,D]
        {
            using var scope = NewDisposeScope();
            Tensor logProbs = rows.matmul(weights.t()).to(float32).log_softmax(-1); // [n,V]
            value.sub_(logProbs.gather(1, chosen[block]).sum());
            if (!hiddenLearns && gradientVocabulary is null)
            {
                continue;
            }

            Tensor slopes = logProbs.exp_().scatter_add_(1, chosen[block], full_like(chosen[block], -1, dtype: float32)).to(weights.dtype); // P − Y, [n,V]
            if (hiddenLearns)
            {
                gradientHidden.Add(slopes.matmul(weights).to(float32).MoveToOuterDisposeScope()); // [n,D]
            }

            gradientVocabulary?.add_(slopes.t().matmul(rows)); // [V,D]
        }

        return (value, hiddenLearns ? cat(gradientHidden) : null, gradientVocabulary);
    }
}
