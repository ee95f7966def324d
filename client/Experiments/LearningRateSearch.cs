using Rudder.Client.Evaluation;
using Rudder.Client.Files;
using static System.FormattableString;

namespace Rudder.Client.Experiments;

/// <summary>A learning rate and how it was found.</summary>
/// <param name="Value">Learning rate.</param>
/// <param name="Reason">For the report.</param>
/// <param name="Trials">What was tried; empty for a fixed value.</param>
internal sealed record ChosenLearningRate(double Value, string Reason, IReadOnlyList<LearningRateTrial> Trials);

/// <summary>One candidate's result on development prompts.</summary>
internal sealed record LearningRateTrial(
    double LearningRate,
    double RewardMean,
    double[] RewardCi,
    double KlSeqExact,
    double[] KlSeqExactCi)
{
    /// <summary>The part of an evaluation that the choice looks at.</summary>
    public static LearningRateTrial Of(double rate, EvaluationResult result) =>
        new(rate, result.RewardMean, result.RewardCi, result.KlSeqExact, result.KlSeqExactCi);
}

/// <summary>
/// Chooses the learning rate of DPO on development prompts: the highest mean reward among the candidates whose
/// kl/seq_exact stays within the limit; where none does, the smallest KL. Test prompts play no part.
/// </summary>
internal static class LearningRateSearch
{
    /// <summary>Trains and evaluates each candidate as two stages, and records the choice in learning-rate.json.</summary>
    public static async Task<ChosenLearningRate> RunAsync(
        RunContext run,
        ModelStages models,
        ServedStages served,
        string reference,
        string classifier,
        string pairs,
        CancellationToken cancel)
    {
        LearningRateChoice choice = run.Variant.LearningRate;
        if (choice.Value is { } value)
        {
            return Record(run, new ChosenLearningRate(value, choice.Reason!, []));
        }

        List<LearningRateTrial> trials = [];
        foreach (double rate in choice.Candidates!)
        {
            string stage = $"tune-{ModelStages.Text(rate)}";
            string folder = await models.DpoAsync(stage, reference, pairs, choice.Beta, rate, cancel);
            ServedPolicy policy = new(stage, choice.Beta, folder, stage);
            EvaluatedPolicy trial = await served.EvaluateAsync(
                $"{stage}-evaluation", policy, reference, classifier, choice.Development!, cancel);
            trials.Add(LearningRateTrial.Of(rate, trial.Result));
        }

        return Record(run, Choose(choice, trials));
    }

    /// <summary>
    /// True where the chosen rate is the largest candidate and stays within the KL limit: neither the limit nor a larger
    /// rate bounds it from above.
    /// </summary>
    public static bool EndsTooEarly(LearningRateChoice choice, ChosenLearningRate chosen) =>
        chosen.Trials.MaxBy(trial => trial.LearningRate) is { } largest
        && chosen.Value == largest.LearningRate
        && largest.KlSeqExact <= choice.KlLimit;

    /// <summary>The rule above.</summary>
    public static ChosenLearningRate Choose(LearningRateChoice choice, IReadOnlyList<LearningRateTrial> trials)
    {
        LearningRateTrial? best = trials.Where(trial => trial.KlSeqExact <= choice.KlLimit).MaxBy(trial => trial.RewardMean);
        LearningRateTrial chosen = best ?? trials.MinBy(trial => trial.KlSeqExact)!;
        IEnumerable<string> tried = trials.Select(t =>
            Invariant($"{t.LearningRate:0.###e-0}: reward {t.RewardMean:0.000}, kl/seq_exact {t.KlSeqExact:0.00}"));
        string rule = best is null
            ? Invariant($"no candidate kept kl/seq_exact within {choice.KlLimit} nats, so the one with the smallest was taken")
            : Invariant($"highest reward with kl/seq_exact within {choice.KlLimit} nats");
        string reason = Invariant($"Chosen on development prompts at beta {choice.Beta}: {rule} ({string.Join("; ", tried)}).");
        return new ChosenLearningRate(chosen.LearningRate, reason, trials);
    }

    private static ChosenLearningRate Record(RunContext run, ChosenLearningRate chosen)
    {
        AtomicFile.WriteText(Path.Combine(run.Root, "learning-rate.json"), StrictJson.Format(chosen));
        run.Display.Line(Invariant($"learning rate {chosen.Value:0.###e-0}: {chosen.Reason}"));
        if (EndsTooEarly(run.Variant.LearningRate, chosen))
        {
            run.Display.Line("learning rate: the largest candidate won within kl_limit; the best rate may lie above the candidates");
        }

        return chosen;
    }
}
