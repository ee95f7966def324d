using System.Globalization;

namespace Rudder.Client.Reports;

/// <summary>Metrics of trainings by optimizer step.</summary>
internal static class TrainingSection
{
    private static readonly (string Metric, string Text)[] Explanations =
    [
        (
            "rewards/margins",
            "Preference training on pairs. The DPO loss starts at ln 2 ≈ 0.693, where the policy equals the reference. The margin is β times the difference of the log-ratios of chosen and rejected completion; accuracy is the share of pairs with a positive margin, ties counted as wrong."
        ),
        (
            "objective/scores",
            "Training on the policy's own completions. The reward is the mean over the completions of a step before the KL is paid for; kl/seq_exact is their exact KL to the reference, nats a completion."
        ),
        ("accuracy", "The reward model's accuracy is the share of pairs whose chosen completion has the higher score, ties counted as wrong."),
    ];

    private static readonly (string Id, string Caption, string Metric)[] Figures =
    [
        ("loss", "Loss by optimizer step", "loss"),
        ("margins", "Reward margin by optimizer step", "rewards/margins"),
        ("accuracies", "Preference accuracy (implicit) by optimizer step", "rewards/accuracies"),
        ("reward-model-accuracy", "Preference accuracy (reward_model) by optimizer step", "accuracy"),
        ("reward-model-margin", "Score margin of the reward model by optimizer step", "margin"),
        ("evaluation-loss", "Loss on evaluation pairs", "eval/loss"),
        ("evaluation-accuracies", "Preference accuracy (implicit) on evaluation pairs", "eval/rewards/accuracies"),
        ("evaluation-reward-model-accuracy", "Preference accuracy (reward_model) on evaluation pairs", "eval/accuracy"),
        ("reward", "Mean reward over the completions of a step", "objective/scores"),
        ("kl", "Mean kl/seq_exact over the completions of a step", "kl/seq_exact"),
        ("evaluation-reward", "Mean reward on evaluation prompts", "eval/objective/scores"),
        ("evaluation-kl", "Mean kl/seq_exact on evaluation prompts", "eval/kl/seq_exact"),
        ("learning-rate", "Learning rate by optimizer step", "learning_rate"),
        ("gradient-norm", "Gradient norm before clipping by optimizer step", "grad_norm"),
    ];

    /// <summary>The fine-tuning that made the reference; nothing where the run has none.</summary>
    public static Html FineTuning(ReportTraining? training) =>
        training is null || training.Curves.Count == 0
            ? Html.Empty
            : Html.Of(
                $"""
                <section>
                <h2>Fine-tuning</h2>
                <p>The model was fine-tuned on texts of the task before DPO; the result is the reference. The loss is a mean over tokens.</p>
                {Chart(
                    "fine-tuning",
                    "Fine-tuning loss by optimizer step",
                    "loss",
                    "loss, nats per token",
                    [("fine-tuning", PolicyLabel.Colour(0), training.Curves)]
                )}
                </section>
                """);

    /// <summary>Every training of the run; nothing where no metrics are left. A chart needs a training with its metric.</summary>
    public static Html Trainings(ReportData data)
    {
        Curves[] trainings =
        [
            .. data.Policies.Select((policy, index) => new Curves(PolicyLabel.Of(policy.Entry), PolicyLabel.Colour(index), policy.Curves)),
            .. data.RewardModels.Select((model, index) =>
                new Curves(model.Name, PolicyLabel.Colour(data.Policies.Count + index), model.Training.Curves)),
        ];
        HashSet<string> metrics = [.. trainings.SelectMany(training => training.Points.Select(point => point.Metric))];
        return metrics.Count == 0
            ? Html.Empty
            : Html.Of(
                $"""
                <section>
                <h2>Training</h2>
                {Explanations.Where(note => metrics.Contains(note.Metric)).Select(note => Html.Of($"<p>{note.Text}</p>"))}
                <div class="grid">
                {Drawn(metrics).Select(chart => Chart(
                    chart.Id, chart.Caption, chart.Metric, chart.Metric,
                    [.. trainings.Where(training => training.Has(chart.Metric)).Select(training => (training.Label, training.Colour, training.Points))]
                ))}
                </div>
                </section>
                """);
    }

    /// <summary>The charts that have values, those of single rewards after the total.</summary>
    private static IEnumerable<(string Id, string Caption, string Metric)> Drawn(HashSet<string> metrics) =>
        Figures.Where(figure => metrics.Contains(figure.Metric))
            .Concat(
                metrics.Where(metric => metric.StartsWith(TrainingCurves.Reward, StringComparison.Ordinal))
                    .Select(metric => (metric.Replace('/', '-'), $"Mean of {metric} over the completions of a step", metric)));

    private static Html Chart(
        string id,
        string caption,
        string metric,
        string axis,
        IReadOnlyList<(string Label, string Colour, IReadOnlyList<CurvePoint> Points)> trainings)
    {
        IEnumerable<Html> rows = trainings.SelectMany(training =>
            Row(training.Label, [.. training.Points.Where(point => point.Metric == metric)]));
        var table = Html.Of($"<thead><tr><th>training</th><th>first</th><th>last</th><th>steps</th></tr></thead><tbody>{rows}</tbody>");
        return ReportPage.Chart(id, caption, Charts.Curves(metric, axis, trainings), table);
    }

    private static IEnumerable<Html> Row(string label, CurvePoint[] points) =>
        points.Length == 0
            ? []
            :
            [
                Html.Of(
                    $"<tr><th>{label}</th><td>{Number(points[0].Value)}</td><td>{Number(points[^1].Value)}</td><td>{points[^1].Step:0}</td></tr>"
                ),
            ];

    private static string Number(double value) =>
        value.ToString(Math.Abs(value) is > 0 and < 0.001 ? "0.###e-0" : "0.0000", CultureInfo.InvariantCulture);

    /// <summary>Metrics of one training, as drawn.</summary>
    private sealed record Curves(string Label, string Colour, IReadOnlyList<CurvePoint> Points)
    {
        public bool Has(string metric) => Points.Any(point => point.Metric == metric);
    }
}
