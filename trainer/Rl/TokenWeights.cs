namespace Rudder.Trainer.Rl;

/// <summary>How the GRPO variants average token losses over a step: the weight of every token of a completion.</summary>
internal static class TokenWeights
{
    /// <summary>The loss of a step is Σ_i Σ_t w_i·ℓ_{i,t}.</summary>
    /// <param name="variant">
    /// <c>grpo</c> (arXiv:2402.03300): mean over each completion's tokens, then over completions. <c>dr-grpo</c> (arXiv:2503.20783): sum
    /// divided by completions × <paramref name="maxNewTokens"/>, a constant. <c>dapo</c> (arXiv:2503.14476): mean over all tokens.
    /// </param>
    /// <param name="lengths">Tokens of each completion of the step, each at least 1. [B]</param>
    /// <param name="maxNewTokens">The length limit of a completion.</param>
    /// <returns>w. [B]</returns>
    public static double[] Of(string variant, IReadOnlyList<int> lengths, int maxNewTokens) => variant switch
    {
        "grpo" => [.. lengths.Select(length => 1.0 / length / lengths.Count)],
        "dr-grpo" => [.. lengths.Select(_ => 1.0 / maxNewTokens / lengths.Count)],
        "dapo" => [.. lengths.Select(_ => 1.0 / lengths.Sum(length => (double)length))],
        _ => throw new BadInputException($"variant is '{variant}'; it takes grpo, dr-grpo or dapo."),
    };
}
