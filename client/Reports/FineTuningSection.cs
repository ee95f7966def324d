namespace Rudder.Client.Reports;

/// <summary>The fine-tuning that made the reference, where the run did one.</summary>
internal static class FineTuningSection
{
    /// <summary>Its loss as a chart, and its first and last values.</summary>
    public static Html Render(ReportTraining? training)
    {
        if (training is null || training.Curves.Count == 0)
        {
            return Html.Empty;
        }

        IEnumerable<CurvePoint> loss = training.Curves.Where(point => point.Metric == "loss");
        return Html.Of(
            $"""
            <section>
            <h2>Fine-tuning</h2>
            <p>The model was fine-tuned on texts of the task before DPO; what came of it is the reference. The loss is a mean over tokens.</p>
            {ReportPage.Chart("Fine-tuning loss by optimizer step", Charts.Line(loss, "loss, nats a token"))}
            <div class="scroll"><table>
            <thead><tr><th>training</th><th>metric</th><th>first</th><th>last</th><th>steps</th></tr></thead>
            <tbody>{ReportPage.CurveRows("fine-tuning", training.Curves)}</tbody>
            </table></div>
            </section>
            """
        );
    }
}
