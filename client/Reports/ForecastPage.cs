using Rudder.Client.Forecasts;

namespace Rudder.Client.Reports;

/// <summary>The page of <c>client forecast</c>: scores and reliability diagram.</summary>
internal static class ForecastPage
{
    /// <summary>Writes one self-contained HTML file.</summary>
    /// <param name="result">The scores.</param>
    /// <param name="output">HTML file.</param>
    public static void Write(ForecastResult result, string output) => AtomicFile.WriteText(output, Render(result).Markup);

    private static Html Render(ForecastResult result) =>
        ReportPage.Document(
            $"Forecasts of {Path.GetFileName(result.File)}",
            Html.Of(
                $"""
                <header>
                <p class="eyebrow">forecasts</p>
                <h1>{Path.GetFileName(result.File)}</h1>
                <p class="meta">{result.Forecasts} forecasts · {result.BaseRate:0.0 %} of the events happened</p>
                </header>
                <section>
                <h2>Scores</h2>
                {ReportPage.Table("Scores", Scores(result))}
                {Clipped(result)}
                </section>
                <section>
                <h2>Reliability</h2>
                <p>Forecasts are grouped by their probability. Where forecasts are calibrated, the observed share of each group equals its mean
                forecast, and the points lie on the dashed line. Bars are 95 % Wilson intervals: groups with few forecasts have long ones.</p>
                {ReportPage.Chart("reliability", "Observed share against mean forecast of each group", ReliabilityChart.Diagram(result), Bins(result))}
                {ReportPage.Chart("counts", "Number of forecasts in each group", ReliabilityChart.Counts(result), Counts(result))}
                </section>
                """));

    private static Html Scores(ForecastResult result) =>
        Html.Of(
            $"""
            <thead><tr><th>score</th><th>value</th><th>always 0.5</th><th>better is</th></tr></thead>
            <tbody>
            <tr><th>accuracy</th><td>{result.Accuracy:0.0000}</td><td>{result.BaseRate:0.0000}</td><td>higher</td></tr>
            <tr><th>log loss, nats</th><td>{result.LogLoss:0.0000}</td><td>{Math.Log(2):0.0000}</td><td>lower</td></tr>
            <tr><th>Brier score</th><td>{result.Brier:0.0000}</td><td>0.2500</td><td>lower</td></tr>
            </tbody>
            """);

    private static Html Clipped(ForecastResult result) =>
        result.LogLossClipped == 0
            ? Html.Empty
            : Html.Of(
                $"""
                <p class="note">{result.LogLossClipped} forecasts gave no chance to what happened. Their log loss is infinite. Each counts as 36.04 nats here
                (clipped to machine epsilon), so the mean is a lower bound.</p>
                """);

    private static Html Bins(ForecastResult result) =>
        Html.Of(
            $"""
            <thead><tr><th>forecast</th><th>forecasts</th><th>mean forecast</th><th>observed share</th></tr></thead>
            <tbody>{result.Bins.Select(bin => Html.Of(
                $"<tr><th>{bin.Low:0.00}–{bin.High:0.00}</th><td>{bin.Forecasts}</td><td>{bin.MeanForecast:0.000}</td><td>{bin.Observed:0.000} <small>[{bin.ObservedCi[0]:0.000}, {bin.ObservedCi[1]:0.000}]</small></td></tr>"
            ))}</tbody>
            """);

    private static Html Counts(ForecastResult result) =>
        Html.Of(
            $"""
            <thead><tr><th>forecast</th><th>forecasts</th></tr></thead>
            <tbody>{result.Bins.Select(bin => Html.Of($"<tr><th>{bin.Low:0.00}–{bin.High:0.00}</th><td>{bin.Forecasts}</td></tr>"))}</tbody>
            """);
}
