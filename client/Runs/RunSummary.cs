using Rudder.Client.Evaluation;

namespace Rudder.Client.Runs;

/// <summary>The result of a run: <c>summary.json</c>. KL in nats, rewards in [0, 1].</summary>
/// <param name="Experiment">Name of the experiment.</param>
/// <param name="Commit">Commit at which the evaluations were made, or "mixed: A, B" where they differ; null where unknown.</param>
/// <param name="Policies">The reference first, with KL 0.</param>
/// <param name="Report">Path of the report.</param>
internal sealed record RunSummary(string Experiment, string? Commit, IReadOnlyList<PolicySummary> Policies, string Report)
{
    /// <summary>File name in the run's folder.</summary>
    public const string FileName = "summary.json";

    private const string Mixed = "mixed: ";

    /// <summary>True where a commit of <see cref="CommitOf"/> stands for several.</summary>
    public static bool IsMixed(string commit) => commit.StartsWith(Mixed, StringComparison.Ordinal);

    /// <summary>One commit for the evaluations of a run, some of which may be kept from an older checkout.</summary>
    /// <param name="commits">Commit of each evaluation; null where not recorded.</param>
    /// <returns>The common one, or all of them after "mixed: ".</returns>
    public static string? CommitOf(IEnumerable<string?> commits)
    {
        string?[] different = [.. commits.Distinct()];
        return different.Length <= 1
            ? different.SingleOrDefault()
            : $"{Mixed}{string.Join(", ", different.Select(commit => commit ?? "not recorded"))}";
    }
}

/// <summary>One point of the frontier. Intervals are 95 %.</summary>
/// <param name="Name">reference, or dpo-beta-VALUE.</param>
/// <param name="Beta">KL strength; null for the reference.</param>
/// <param name="RewardMean">Mean P(positive).</param>
/// <param name="RewardCi">Its interval.</param>
/// <param name="KlSeqExact">Mean kl/seq_exact.</param>
/// <param name="KlSeqExactCi">Its interval.</param>
/// <param name="KlSeqK1">Mean kl/seq_k1.</param>
/// <param name="KlSeqK1Ci">Its interval.</param>
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
    int Samples)
{
    /// <summary>The part of an evaluation that goes into the summary.</summary>
    public static PolicySummary Of(string name, double? beta, EvaluationResult r) =>
        new(name, beta, r.RewardMean, r.RewardCi, r.KlSeqExact, r.KlSeqExactCi, r.KlSeqK1, r.KlSeqK1Ci, r.Prompts, r.Samples);
}
