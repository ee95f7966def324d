using System.Globalization;
using Rudder.Client.Evaluation;

namespace Rudder.Client.Reports;

/// <summary>Policies and reward models side by side, on held-out pairs.</summary>
internal static class ComparisonSection
{
    /// <summary>A row for each model; nothing where the run compares none.</summary>
    public static Html Render(ReportData data) =>
        data.Comparisons.Count == 0
            ? Html.Empty
            : Html.Of(
                $"""
                <section>
                <h2>Comparison</h2>
                <p>Preference accuracy on {data.Comparisons[0].Pairs} held-out pairs, ties counted as wrong. implicit: the chosen completion has the larger
                log-ratio to the reference. logp: it has the larger log-prob. reward_model: it has the higher score. The score is the reward model's mean over
                the policy's own completions in its evaluation. Completions drawn are those of the policy's own
                training; those of the pairs come on top. Training time is the wall time of the policy's own training; PPO and GRPO need the reward model's as
                well.</p>
                {ReportPage.Table("Comparison", Rows(data))}
                </section>
                """);

    private static Html Rows(ReportData data) =>
        Html.Of(
            $"""
            <thead><tr><th>model</th><th>implicit</th><th>logp</th><th>reward_model</th><th>reward-model score</th><th>completions drawn</th><th>training, seconds</th></tr></thead>
            <tbody>{data.Comparisons.Select(result => Row(data, result))}</tbody>
            """);

    private static Html Row(ReportData data, ComparisonResult result)
    {
        double? seconds = data.Stages.FirstOrDefault(stage => stage.Stage == result.Model)?.Seconds;
        int? drawn = data.Policies.FirstOrDefault(policy => policy.Entry.Name == result.Model)?.Drawn;
        return Html.Of(
            $"""
            <tr><th>{result.Model}</th><td>{Text(result.ImplicitAccuracy)}</td><td>{Text(result.LogpAccuracy)}</td><td>{Text(result.RewardModelAccuracy)}</td>
            <td>{Text(result.RewardModelScore)}</td><td>{Text(drawn, "0")}</td><td>{Text(seconds, "0.0")}</td></tr>
            """);
    }

    private static string Text(double? value, string format = "0.000") => value?.ToString(format, CultureInfo.InvariantCulture) ?? "–";
}
