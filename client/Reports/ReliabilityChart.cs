using Rudder.Client.Forecasts;
using static System.FormattableString;

namespace Rudder.Client.Reports;

/// <summary>plotly.js figures of forecasts as JSON.</summary>
internal static class ReliabilityChart
{
    private const string Colour = "#2f8fd0";

    /// <summary>Observed share against mean forecast of each bin, beside the line of calibrated forecasts.</summary>
    public static string Diagram(ForecastResult result)
    {
        object calibrated = new
        {
            type = "scatter",
            mode = "lines",
            hoverinfo = "skip",
            name = "calibrated",
            x = (double[])[0, 1],
            y = (double[])[0, 1],
            line = new
            {
                color = "#9aa0a6",
                width = 1,
                dash = "dash",
            },
        };
        object observed = new
        {
            type = "scatter",
            mode = "lines+markers",
            name = "observed",
            x = result.Bins.Select(bin => bin.MeanForecast),
            y = result.Bins.Select(bin => bin.Observed),
            error_y = new
            {
                type = "data",
                symmetric = false,
                array = result.Bins.Select(bin => bin.ObservedCi[1] - bin.Observed),
                arrayminus = result.Bins.Select(bin => bin.Observed - bin.ObservedCi[0]),
                color = Colour,
                thickness = 2,
                width = 0,
            },
            marker = new { color = Colour, size = 9 },
            line = new { color = Colour, width = 2 },
            hovertext = result.Bins.Select(bin => Invariant($"{bin.Forecasts} forecasts of {bin.Low:0.00}–{bin.High:0.00}")),
        };
        return Charts.Figure([calibrated, observed], 400, "mean forecast", "observed share", showLegend: false, xRange: [-0.02, 1.02]);
    }

    /// <summary>How many forecasts each bin holds.</summary>
    public static string Counts(ForecastResult result)
    {
        object bars = new
        {
            type = "bar",
            x = result.Bins.Select(bin => (bin.Low + bin.High) / 2),
            y = result.Bins.Select(bin => bin.Forecasts),
            width = result.Bins.Select(bin => bin.High - bin.Low),
            marker = new { color = Colour },
        };
        return Charts.Figure([bars], 220, "forecast", "forecasts", showLegend: false, xRange: [-0.02, 1.02]);
    }
}
