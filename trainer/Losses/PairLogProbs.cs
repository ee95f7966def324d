using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>The inputs of a preference loss. P = pairs; log-probs are nats, summed over completion tokens.</summary>
/// <param name="Chosen">log π_θ of the chosen completions; carries the gradient. [P]</param>
/// <param name="Rejected">log π_θ of the rejected ones; carries the gradient. [P]</param>
/// <param name="ReferenceChosen">log π_ref of the chosen ones; null where the loss needs no reference. [P]</param>
/// <param name="ReferenceRejected">log π_ref of the rejected ones; null as above. [P]</param>
/// <param name="ChosenLength">Tokens of the chosen ones, as floats. [P]</param>
/// <param name="RejectedLength">Tokens of the rejected ones, as floats. [P]</param>
internal sealed record PairLogProbs(
    Tensor Chosen,
    Tensor Rejected,
    Tensor? ReferenceChosen,
    Tensor? ReferenceRejected,
    Tensor ChosenLength,
    Tensor RejectedLength)
{
    /// <summary>Mean tokens of a chosen completion over all pairs of the optimizer step, also where it has several forward passes.</summary>
    public required double MeanChosenLength { get; init; }

    /// <summary>Log-ratios of completions under the prompts of others, without gradient; null where the loss needs none. [M]</summary>
    public Tensor? Mismatched { get; init; }

    /// <summary>Mean implicit reward of all completions seen so far, without gradient; null where the loss needs none. []</summary>
    public Tensor? RewardMean { get; init; }

    /// <summary>log π_θ(chosen) − log π_θ(rejected). [P]</summary>
    public Tensor Margin => Chosen - Rejected;

    /// <summary>The same under the reference. [P]</summary>
    public Tensor ReferenceMargin => ReferenceChosen! - ReferenceRejected!;

    /// <summary>log π_θ − log π_ref of the chosen completions. [P]</summary>
    public Tensor ChosenRatio => Chosen - ReferenceChosen!;

    /// <summary>The same of the rejected ones. [P]</summary>
    public Tensor RejectedRatio => Rejected - ReferenceRejected!;

    /// <summary>Nats per token of the chosen completions. [P]</summary>
    public Tensor ChosenMean => Chosen / ChosenLength;

    /// <summary>Nats per token of the rejected ones. [P]</summary>
    public Tensor RejectedMean => Rejected / RejectedLength;
}
