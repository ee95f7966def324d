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
/// Chooses the learning rate of a training on development prompts: the highest mean reward among the candidates whose
/// kl/seq_exact stays within the limit; where none does, the smallest KL. Test prompts play no part.
/// </summary>
/// <param name="run">The run, whose stages have tried the candidates.</param>
internal sealed class LearningRateSearch(RunContext run)
{
    private readonly Dictionary<string, ChosenLearningRate> _chosen = [];

    /// <summary>Stage that trains with a candidate.</summary>
    public static string Stage(Training training, double rate) =>
        $"tune-{(training.Name == "dpo" ? "" : $"{training.Name}-")}{ModelStages.Text(rate)}";

    /// <summary>Stage that evaluates a candidate.</summary>
    public static string EvaluationOf(string stage) => $"{stage}-evaluation";

    /// <summary>The rate of a training, recorded in learning-rate.json when it is first asked for; null where the recipe has it.</summary>
    public ChosenLearningRate? Of(Training training)
    {
        if (training.LearningRate is not { } choice)
        {
            return null;
        }

        if (!_chosen.TryGetValue(training.Name, out ChosenLearningRate? chosen))
        {
            chosen = choice.Value is { } value
                ? new ChosenLearningRate(value, choice.Reason!, [])
                : Choose(choice, Trials(training, choice));
            _chosen[training.Name] = chosen;
            Record(training, choice, chosen);
        }

        return chosen;
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

    private List<LearningRateTrial> Trials(Training training, LearningRateChoice choice) =>
    [
        .. choice.Candidates!
            .Select(rate => (Rate: rate, File: ServedStages.EvaluationFile(run, EvaluationOf(Stage(training, rate)))))
            .Select(trial => LearningRateTrial.Of(trial.Rate, EvaluationResult.Read(trial.File))),
    ];

    private void Record(Training training, LearningRateChoice choice, ChosenLearningRate chosen)
    {
        string name = training.Name == "dpo" ? "learning-rate.json" : $"learning-rate-{training.Name}.json";
        AtomicFile.WriteText(Path.Combine(run.Root, name), StrictJson.Format(chosen));
        run.Display.Line(Invariant($"{training.Name}: learning rate {chosen.Value:0.###e-0}: {chosen.Reason}"));
        if (EndsTooEarly(choice, chosen))
        {
            run.Display.Line(
                $"{training.Name}: the largest learning rate won within kl_limit; the best rate may lie above the candidates");
        }
    }
}
