using Rudder.Client.Runs;

namespace Rudder.Client.Reports;

/// <summary>How long each stage took.</summary>
internal static class TimeSection
{
    /// <summary>Wall time of the stages; nothing where none is recorded.</summary>
    /// <param name="stages">In the order of their start.</param>
    public static Html Render(IReadOnlyList<StageMarker> stages) =>
        stages.Count == 0
            ? Html.Empty
            : Html.Of(
                $"""
                <section>
                <h2>Time</h2>
                <p>Wall time of each stage over all of its attempts, {stages.Sum(stage => stage.Seconds ?? 0):0} s in all.</p>
                {ReportPage.Chart("times", "Wall time of each stage, seconds", Charts.Times(stages), Rows(stages))}
                </section>
                """);

    private static Html Rows(IReadOnlyList<StageMarker> stages)
    {
        IEnumerable<Html> rows = stages.Select(stage =>
            Html.Of(
                $"<tr><th>{stage.Stage}</th><td>{stage.Started:yyyy-MM-dd HH:mm:ss}</td><td>{stage.Seconds ?? 0:0.0}</td><td><code>{stage.Key[..Math.Min(12, stage.Key.Length)]}</code></td></tr>"
            ));
        return Html.Of(
            $"<thead><tr><th>stage</th><th>started, UTC</th><th>seconds</th><th>inputs, SHA-256</th></tr></thead><tbody>{rows}</tbody>");
    }
}
