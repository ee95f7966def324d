using System.Text.Json.Nodes;

namespace Rudder.Client.Reports;

/// <summary>Vega-Lite specifications of the report's charts; fonts and the colours of text and grid come from the page.</summary>
internal static class Charts
{
    /// <summary>Reward against KL with interval bars on both axes.</summary>
    public static JsonObject Frontier(ReportData data)
    {
        string colour = Colour(data, data.Policies, legend: "null");
        JsonObject chart = Parse(
            $$"""
            {
              "width": "container", "height": 380,
              "encoding": {
                "x": { "field": "kl", "type": "quantitative", "title": "KL(policy ‖ reference), nats a completion (kl/seq_exact)" },
                "y": { "field": "reward", "type": "quantitative", "title": "mean reward, P(positive)", "scale": { "zero": false, "nice": true } }
              },
              "layer": [
                { "mark": { "type": "line", "opacity": 0.35, "strokeDash": [4, 4], "color": "#888" } },
                { "mark": { "type": "rule", "strokeWidth": 2 },
                  "encoding": { "y": { "field": "reward_low", "type": "quantitative" }, "y2": { "field": "reward_high" }, "color": {{colour}} } },
                { "mark": { "type": "rule", "strokeWidth": 2 },
                  "encoding": { "x": { "field": "kl_low", "type": "quantitative" }, "x2": { "field": "kl_high" }, "color": {{colour}} } },
                { "mark": { "type": "point", "filled": true, "size": 110, "opacity": 1 },
                  "encoding": { "color": {{colour}}, "tooltip": [
                    { "field": "policy" },
                    { "field": "reward", "format": ".4f" }, { "field": "reward_low", "format": ".4f" }, { "field": "reward_high", "format": ".4f" },
                    { "field": "kl", "format": ".3f" }, { "field": "kl_low", "format": ".3f" }, { "field": "kl_high", "format": ".3f" } ] } },
                { "mark": { "type": "text", "align": "left", "dx": 10, "dy": 14, "fontSize": 13 },
                  "encoding": { "text": { "field": "label" }, "color": {{colour}} } }
              ]
            }
            """
        );
        return WithValues(chart, data.Policies.Select(Point));
    }

    /// <summary>One training metric, a line a policy.</summary>
    public static JsonObject Curve(ReportData data, string metric, string title)
    {
        string colour = Colour(data, data.Policies.Where(policy => policy.Curves.Count > 0), """{ "title": null, "orient": "top" }""");
        JsonObject chart = Parse(
            $$"""
            {
              "width": "container", "height": 240,
              "mark": { "type": "line", "strokeWidth": 2, "tooltip": true },
              "encoding": {
                "x": { "field": "step", "type": "quantitative", "title": "optimizer step" },
                "y": { "field": "value", "type": "quantitative", "scale": { "zero": false } },
                "color": {{colour}}
              }
            }
            """
        );
        chart["encoding"]!["y"]!["title"] = title;
        return WithValues(chart, data.Policies.SelectMany(policy => policy.Curves.Where(point => point.Metric == metric), StepValue));
    }

    /// <summary>One training metric of one training.</summary>
    /// <param name="points">Points of the metric.</param>
    /// <param name="title">Title of the value axis.</param>
    public static JsonObject Line(IEnumerable<CurvePoint> points, string title)
    {
        JsonObject chart = Parse(
            $$"""
            {
              "width": "container", "height": 240,
              "mark": { "type": "line", "strokeWidth": 2, "tooltip": true, "color": "{{PolicyLabel.Colour(0)}}" },
              "encoding": {
                "x": { "field": "step", "type": "quantitative", "title": "optimizer step" },
                "y": { "field": "value", "type": "quantitative", "scale": { "zero": false } }
              }
            }
            """
        );
        chart["encoding"]!["y"]!["title"] = title;
        return WithValues(chart, points.Select(point => new JsonObject { ["step"] = point.Step, ["value"] = point.Value }));
    }

    private static JsonObject Point(ReportPolicy policy) =>
        new()
        {
            ["policy"] = policy.Entry.Name,
            ["label"] = PolicyLabel.Of(policy.Entry),
            ["reward"] = policy.Evaluation.RewardMean,
            ["reward_low"] = policy.Evaluation.RewardCi[0],
            ["reward_high"] = policy.Evaluation.RewardCi[1],
            ["kl"] = policy.Evaluation.KlSeqExact,
            ["kl_low"] = policy.Evaluation.KlSeqExactCi[0],
            ["kl_high"] = policy.Evaluation.KlSeqExactCi[1],
        };

    private static JsonObject StepValue(ReportPolicy policy, CurvePoint point) =>
        new()
        {
            ["label"] = PolicyLabel.Of(policy.Entry),
            ["step"] = point.Step,
            ["value"] = point.Value,
        };

    private static JsonObject WithValues(JsonObject chart, IEnumerable<JsonObject> values)
    {
        chart["data"] = new JsonObject { ["values"] = new JsonArray([.. values]) };
        return chart;
    }

    /// <summary>One colour a policy, the same in every chart; the legend names those that are <paramref name="shown"/>.</summary>
    private static string Colour(ReportData data, IEnumerable<ReportPolicy> shown, string legend)
    {
        List<ReportPolicy> all = [.. data.Policies];
        JsonArray labels = [.. shown.Select(policy => (JsonNode)PolicyLabel.Of(policy.Entry))];
        JsonArray colours = [.. shown.Select(policy => (JsonNode)PolicyLabel.Colour(all.IndexOf(policy)))];
        return $$"""
            { "field": "label", "type": "nominal", "sort": null, "legend": {{legend}},
              "scale": { "domain": {{labels.ToJsonString()}}, "range": {{colours.ToJsonString()}} } }
            """;
    }

    private static JsonObject Parse(string specification) => (JsonObject)JsonNode.Parse(specification)!;
}
