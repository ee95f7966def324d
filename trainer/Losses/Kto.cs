using System.ComponentModel.DataAnnotations;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>KTO, arXiv:2402.01306 eq. 8. Compares each completion with a reference point; a pair's loss is the mean of both.</summary>
internal sealed record Kto : PreferenceLoss
{
    public override string Name => "kto";

    public override bool NeedsMismatched => true;

    /// <summary>Weight of chosen completions, above 0.</summary>
    [Range(0, double.MaxValue, MinimumIsExclusive = true)] public double LambdaDesirable { get; init; } = 1;

    /// <summary>Weight of rejected completions, above 0.</summary>
    [Range(0, double.MaxValue, MinimumIsExclusive = true)] public double LambdaUndesirable { get; init; } = 1;

    public override Tensor PerPair(PairLogProbs pairs)
    {
        Tensor baseline = ReferencePoint(pairs.Mismatched!); // []
        return 0.5 * (Desirable(pairs.ChosenRatio, baseline, Beta, LambdaDesirable)
            + Undesirable(pairs.RejectedRatio, baseline, Beta, LambdaUndesirable)); // [P]
    }

    /// <summary>A desirable completion: λ_D·(1 − σ(β·(u − z))).</summary>
    /// <param name="logRatio">u = log π(y|x) − log π_ref(y|x), nats summed over tokens; carries the gradient. [P]</param>
    /// <param name="baseline">z from <see cref="ReferencePoint"/>, nats; carries none. [] or [P]</param>
    /// <param name="beta">Risk aversion, > 0, per nat.</param>
    /// <param name="weight">λ_D, > 0.</param>
    /// <returns>Loss in [0, λ_D], no unit, [P]. Gradient in u: −λ_D·β·σ′(β·(u − z)).</returns>
    public static Tensor Desirable(Tensor logRatio, Tensor baseline, double beta, double weight) =>
        weight * sigmoid(beta * (baseline - logRatio)); // 1 − σ(a) = σ(−a), which stays accurate when saturated

    /// <summary>An undesirable completion: λ_U·(1 − σ(β·(z − u))).</summary>
    /// <param name="logRatio">As in <see cref="Desirable"/>. [P]</param>
    /// <param name="baseline">As in <see cref="Desirable"/>. [] or [P]</param>
    /// <param name="beta">As in <see cref="Desirable"/>.</param>
    /// <param name="weight">λ_U, > 0.</param>
    /// <returns>Loss in [0, λ_U], no unit, [P]. Gradient in u: +λ_U·β·σ′(β·(z − u)).</returns>
    public static Tensor Undesirable(Tensor logRatio, Tensor baseline, double beta, double weight) =>
        weight * sigmoid(beta * (logRatio - baseline));

    /// <summary>Completions of both kinds, each with its own judgement.</summary>
    /// <param name="logRatio">As in <see cref="Desirable"/>. [N]</param>
    /// <param name="desirable">Which completions are desirable, bool. [N]</param>
    /// <param name="baseline">As in <see cref="Desirable"/>. []</param>
    /// <param name="beta">As in <see cref="Desirable"/>.</param>
    /// <param name="desirableWeight">λ_D, > 0.</param>
    /// <param name="undesirableWeight">λ_U, > 0.</param>
    /// <returns>Loss, no unit. [N]</returns>
    public static Tensor PerCompletion(
        Tensor logRatio, Tensor desirable, Tensor baseline, double beta, double desirableWeight, double undesirableWeight) =>
        where(desirable, Desirable(logRatio, baseline, beta, desirableWeight), Undesirable(logRatio, baseline, beta, undesirableWeight));

    /// <summary>The reference point z = max(0, mean log-ratio of mismatched pairs), §4.1 of the paper.</summary>
    /// <param name="mismatchedLogRatio">log π(y′|x) − log π_ref(y′|x), y′ a completion of another prompt, nats. [N]</param>
    /// <returns>z in nats, a scalar; detached, because the paper does not back-propagate through it.</returns>
    public static Tensor ReferencePoint(Tensor mismatchedLogRatio) => functional.relu(mismatchedLogRatio.detach().mean());
}
