using System.Text.Json;
using Rudder.Client.Evaluation;
using Rudder.Client.Runs;

namespace Rudder.Client.Reports;

/// <summary>plotly.js figures of the report's charts as JSON; the page's style sheet colours text and grid.</summary>
internal static class Charts
{
    private const int FewPoints = 20; // so few show their places, and a single one shows at all

    /// <summary>Reward against KL with interval bars on both axes.</summary>
    public static string Frontier(ReportData data)
    {
        double furthest = data.Policies.Max(policy => policy.Evaluation.KlSeqExactCi[1]);
        double nearest = Math.Min(0, data.Policies.Min(policy => policy.Evaluation.KlSeqExactCi[0]));
        double[] range = [nearest - (0.03 * (furthest - nearest)), furthest + (0.2 * (furthest - nearest)) + 1e-3]; // room for the last label
        object path = new
        {
            type = "scatter",
            mode = "lines",
            hoverinfo = "skip",
            x = data.Policies.Select(policy => policy.Evaluation.KlSeqExact),
            y = data.Policies.Select(policy => policy.Evaluation.RewardMean),
            line = new
            {
                color = "#9aa0a6",
                width = 1,
                dash = "dash",
            },
        };
        return Figure(
            [path, .. data.Policies.Select(Point)], 400, "kl/seq_exact, nats", "mean reward, P(positive)", showLegend: false, range);
    }

    /// <summary>One training metric by optimizer step, a line for each training.</summary>
    public static string Curves(
        string metric,
        string title,
        IReadOnlyList<(string Label, string Colour, IReadOnlyList<CurvePoint> Points)> trainings)
    {
        IEnumerable<object> lines = trainings.Select(training =>
        {
            CurvePoint[] points = [.. training.Points.Where(point => point.Metric == metric)];
            return (object)
                new
                {
                    type = "scatter",
                    mode = points.Length < FewPoints ? "lines+markers" : "lines",
                    name = training.Label,
                    x = points.Select(point => point.Step),
                    y = points.Select(point => point.Value),
                    line = new { color = training.Colour, width = 2 },
                };
        });
        return Figure(lines, 260, "optimizer step", title, showLegend: trainings.Count > 1);
    }

    /// <summary>Seconds of each stage as horizontal bars, the first at the top.</summary>
    public static string Times(IReadOnlyList<StageMarker> stages)
    {
        object bars = new
        {
            type = "bar",
            orientation = "h",
            x = stages.Reverse().Select(stage => stage.Seconds ?? 0),
            y = stages.Reverse().Select(stage => stage.Stage),
            marker = new { color = "#2f8fd0" },
        };
        return Figure([bars], 80 + (24 * stages.Count), "seconds", "", showLegend: false);
    }

    /// <summary>Share of each group's values by bin, as bars side by side.</summary>
    public static string Shares(Histogram counted, string axis)
    {
        IEnumerable<object> bars = counted.Groups.Select((group, index) => (object)new
        {
            type = "bar",
            name = group.Name,
            x = Enumerable.Range(0, counted.Bins).Select(bin => counted.From(bin) + (counted.Width / 2)),
            y = group.Shares,
            marker = new { color = PolicyLabel.Colour(index + 1) },
        });
        return Figure(bars, 260, axis, "share", showLegend: counted.Groups.Count > 1);
    }

    private static object Point(ReportPolicy policy, int index)
    {
        EvaluationResult result = policy.Evaluation;
        string colour = PolicyLabel.Colour(index);
        string label = PolicyLabel.Of(policy.Entry);
        string reward = Interval.Text(result.RewardMean, result.RewardCi, "0.0000");
        string kl = Interval.Text(result.KlSeqExact, result.KlSeqExactCi, "0.000");
        return new
        {
            type = "scatter",
            mode = "markers+text",
            name = label,
            x = (double[])[result.KlSeqExact],
            y = (double[])[result.RewardMean],
            error_x = Bar(result.KlSeqExact, result.KlSeqExactCi, colour),
            error_y = Bar(result.RewardMean, result.RewardCi, colour),
            marker = new { color = colour, size = 11 },
            text = label,
            textposition = "bottom right",
            textfont = new { color = colour, size = 13 },
            cliponaxis = false,
            hovertemplate = $"reward {reward}<br>kl/seq_exact {kl}",
        };
    }

    private static object Bar(double mean, double[] interval, string colour) =>
        new
        {
            type = "data",
            symmetric = false,
            array = (double[])[interval[1] - mean],
            arrayminus = (double[])[mean - interval[0]],
            color = colour,
            thickness = 2,
            width = 0,
        };

    /// <summary>A figure in the page's style.</summary>
    /// <param name="traces">What it draws.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="x">Title of the horizontal axis.</param>
    /// <param name="y">Title of the vertical axis.</param>
    /// <param name="showLegend">Whether the traces' names are listed.</param>
    /// <param name="xRange">Ends of the horizontal axis; null fits them to the data.</param>
    public static string Figure(IEnumerable<object> traces, int height, string x, string y, bool showLegend, double[]? xRange = null)
    {
        object Axis(string title, double[]? range = null) =>
            new
            {
                title = new { text = title, standoff = 8 },
                automargin = true,
                zeroline = false,
                range,
            };
        object layout = new
        {
            height,
            margin = new
            {
                l = 48,
                r = 16,
                t = 12,
                b = 44,
            },
            showlegend = showLegend,
            legend = new
            {
                orientation = "h",
                x = 0,
                y = 1.02,
                yanchor = "bottom",
            },
            hovermode = "closest",
            xaxis = Axis(x, xRange),
            yaxis = Axis(y),
            plot_bgcolor = "rgba(0,0,0,0)",
        };
        return JsonSerializer.Serialize(new { data = traces, layout });
    }
}
