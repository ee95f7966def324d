using System.Text.Json.Nodes;
using Rudder.Client.Files;

namespace Rudder.Client.Evaluation;

/// <summary>What one evaluation found: the JSON file of <c>client evaluate</c>. KL in nats, rewards in [0, 1].</summary>
/// <param name="Policy">Name of the policy.</param>
/// <param name="Reference">Name of the frozen reference.</param>
/// <param name="Prompts">Prompts evaluated.</param>
/// <param name="Samples">Completions in all.</param>
/// <param name="RewardMean">Mean P(positive).</param>
/// <param name="RewardCi">95 % interval, bootstrap clustered by prompt; so are the other intervals.</param>
/// <param name="KlSeqExact">Mean kl/seq_exact.</param>
/// <param name="KlSeqExactCi">Its interval.</param>
/// <param name="KlSeqK1">Mean kl/seq_k1.</param>
/// <param name="KlSeqK1Ci">Its interval.</param>
/// <param name="KlTokenMean">kl/token_mean: all kl/seq_exact over all tokens.</param>
/// <param name="KlTokenMeanCi">Its interval.</param>
/// <param name="LengthMean">Mean tokens of a completion, end-of-text included.</param>
/// <param name="LengthCi">Its interval.</param>
/// <param name="EndedShare">Share of completions that ended with end-of-text.</param>
/// <param name="SampleCompletions">The first completions of the first five prompts: a fixed choice, not a selection.</param>
/// <param name="Settings">Fingerprints, sampler, prompts, bootstrap.</param>
internal sealed record EvaluationResult(
    string Policy,
    string Reference,
    int Prompts,
    int Samples,
    double RewardMean,
    double[] RewardCi,
    double KlSeqExact,
    double[] KlSeqExactCi,
    double KlSeqK1,
    double[] KlSeqK1Ci,
    double KlTokenMean,
    double[] KlTokenMeanCi,
    double LengthMean,
    double[] LengthCi,
    double EndedShare,
    IReadOnlyList<SampleCompletion> SampleCompletions,
    JsonObject Settings)
{
    private const int Shown = 5;

    /// <summary>Means and intervals of the rows.</summary>
    public static EvaluationResult Of(
        string policy,
        string reference,
        IReadOnlyList<EvaluationRow> rows,
        int resamples,
        int seed,
        JsonObject settings)
    {
        Interval Mean(Func<EvaluatedCompletion, double> value, Func<EvaluatedCompletion, double> per) =>
            Bootstrap.Ratio([.. rows.Select(row => (row.Completions.Sum(value), row.Completions.Sum(per)))], resamples, seed);
        Interval reward = Mean(c => c.Reward, ASample);
        Interval exact = Mean(c => c.KlSeqExact, ASample);
        Interval k1 = Mean(c => c.KlSeqK1, ASample);
        Interval length = Mean(c => c.Tokens, ASample);
        Interval token = Mean(c => c.KlSeqExact, c => c.Tokens);
        return new EvaluationResult(
            policy,
            reference,
            rows.Count,
            rows.Sum(row => row.Completions.Count),
            reward.Mean,
            Ends(reward),
            exact.Mean,
            Ends(exact),
            k1.Mean,
            Ends(k1),
            token.Mean,
            Ends(token),
            length.Mean,
            Ends(length),
            rows.SelectMany(row => row.Completions).Average(c => c.Ended ? 1.0 : 0.0),
            [.. rows.Take(Shown).Select(SampleCompletion.FirstOf)],
            settings);
    }

    /// <summary>Reads a file that <c>client evaluate</c> wrote.</summary>
    /// <exception cref="BadInputException">The file is damaged.</exception>
    public static EvaluationResult Read(string path)
    {
        EvaluationResult result = StrictJson.Read<EvaluationResult>(path);
        double[][] intervals = [result.RewardCi, result.KlSeqExactCi, result.KlSeqK1Ci, result.KlTokenMeanCi, result.LengthCi];
        return result.Prompts > 0 && intervals.All(interval => interval.Length == 2)
            ? result
            : throw new BadInputException($"{path} is damaged: it needs at least one prompt, and two ends in each interval. Evaluate again.");
    }

    private static double ASample(EvaluatedCompletion completion) => 1;

    private static double[] Ends(Interval interval) => [interval.Low, interval.High];
}

/// <summary>A completion shown in reports.</summary>
internal sealed record SampleCompletion(string PromptId, string Prompt, string Completion, double Reward, double KlSeqExact)
{
    /// <summary>The first completion of a prompt.</summary>
    public static SampleCompletion FirstOf(EvaluationRow row) =>
        new(row.PromptId, row.Prompt, row.Completions[0].Text, row.Completions[0].Reward, row.Completions[0].KlSeqExact);
}
