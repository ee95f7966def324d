namespace Rudder.Client.Reports;

/// <summary>Metrics of trainings by optimizer step.</summary>
internal static class TrainingSection
{
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

    /// <summary>DPO at each β; nothing where no metrics are left.</summary>
    public static Html Dpo(IReadOnlyList<ReportPolicy> policies)
    {
        (string, string, IReadOnlyList<CurvePoint>)[] trainings =
        [
            .. policies
                .Select((policy, index) => (PolicyLabel.Of(policy.Entry), PolicyLabel.Colour(index), policy.Curves))
                .Where(training => training.Curves.Count > 0),
        ];
        return trainings.Length == 0
            ? Html.Empty
            : Html.Of(
                $"""
                <section>
                <h2>Training</h2>
                <p>Preference training on the same pairs at each β. The DPO loss starts at ln 2 ≈ 0.693, where the policy equals the reference. The margin is β times the difference of the
                log-ratios of chosen and rejected completion; accuracy is the share of pairs with a positive margin, ties counted as wrong.</p>
                <div class="grid">
                {Chart("loss", "Loss by optimizer step", "loss", "loss", trainings)}
                {Chart("margins", "Reward margin by optimizer step", "rewards/margins", "rewards/margins", trainings)}
                {Chart(
                    "accuracies",
                    "Preference accuracy (implicit) by optimizer step",
                    "rewards/accuracies",
                    "rewards/accuracies",
                    trainings
                )}
                </div>
                </section>
                """);
    }

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
                    $"<tr><th>{label}</th><td>{points[0].Value:0.0000}</td><td>{points[^1].Value:0.0000}</td><td>{points[^1].Step:0}</td></tr>"
                ),
            ];
}
