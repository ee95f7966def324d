using Rudder.Client.Evaluation;

namespace Rudder.Client.Experiments;

/// <summary>The result of a run: <c>summary.json</c>. KL in nats, rewards in [0, 1].</summary>
/// <param name="Experiment">Name of the experiment.</param>
/// <param name="Commit">Commit of the checkout; null where there is none.</param>
/// <param name="Policies">The reference first, with KL 0.</param>
/// <param name="Report">Path of the report.</param>
internal sealed record Summary(string Experiment, string? Commit, IReadOnlyList<PolicySummary> Policies, string Report)
{
    /// <summary>File name in the run's folder.</summary>
    public const string FileName = "summary.json";
}

/// <summary>One point of the frontier.</summary>
/// <param name="Name">reference, or dpo-beta-VALUE.</param>
/// <param name="Beta">KL strength; null for the reference.</param>
/// <param name="RewardMean">Mean P(positive).</param>
/// <param name="RewardCi">95 % interval.</param>
/// <param name="KlSeqExact">Mean kl/seq_exact.</param>
/// <param name="KlSeqExactCi">95 % interval.</param>
/// <param name="KlSeqK1">Mean kl/seq_k1.</param>
/// <param name="KlSeqK1Ci">95 % interval.</param>
/// <param name="Prompts">Prompts evaluated.</param>
/// <param name="Samples">Completions in all.</param>
internal sealed record PolicySummary(
    string Name,
    double? Beta,
    double RewardMean,
    double[] RewardCi,
    double KlSeqExact,
    double[] KlSeqExactCi,
    double KlSeqK1,
    double[] KlSeqK1Ci,
    int Prompts,
    int Samples
)
{
    /// <summary>The part of an evaluation that goes into the summary.</summary>
    public static PolicySummary Of(string name, double? beta, EvaluationResult result) =>
        new(
            name,
            beta,
            result.RewardMean,
            result.RewardCi,
            result.KlSeqExact,
            result.KlSeqExactCi,
            result.KlSeqK1,
            result.KlSeqK1Ci,
            result.Prompts,
            result.Samples
        );
}
