using System.Text.Json.Nodes;

namespace Rudder.Client.Reports;

/// <summary>Vega-Lite specifications of the report's charts; colours and fonts come from the page.</summary>
internal static class Charts
{
    /// <summary>Reward against KL with interval bars on both axes.</summary>
    public static JsonObject Frontier(ReportData data)
    {
        JsonArray values = [.. data.Policies.Select(policy => (JsonNode)new JsonObject
        {
            ["policy"] = policy.Entry.Name,
            ["label"] = PolicyLabel.Of(policy.Entry),
            ["reward"] = policy.Evaluation.RewardMean,
            ["reward_low"] = policy.Evaluation.RewardCi[0],
            ["reward_high"] = policy.Evaluation.RewardCi[1],
            ["kl"] = policy.Evaluation.KlSeqExact,
            ["kl_low"] = policy.Evaluation.KlSeqExactCi[0],
            ["kl_high"] = policy.Evaluation.KlSeqExactCi[1],
        })];
        JsonObject x = Axis("kl", "KL(policy ‖ reference), nats a completion (kl/seq_exact)");
        JsonObject y = Axis("reward", "mean reward, P(positive)");
        y["scale"] = new JsonObject { ["zero"] = false, ["nice"] = true };
        return new JsonObject
        {
            ["width"] = "container",
            ["height"] = 380,
            ["data"] = new JsonObject { ["values"] = values },
            ["encoding"] = new JsonObject { ["x"] = x, ["y"] = y },
            ["layer"] = new JsonArray(
                Layer(new JsonObject { ["type"] = "line", ["opacity"] = 0.35, ["strokeDash"] = new JsonArray(4, 4), ["color"] = "#888" }, []),
                Layer(new JsonObject { ["type"] = "rule", ["strokeWidth"] = 2 }, new JsonObject
                {
                    ["y"] = Axis("reward_low", null), ["y2"] = new JsonObject { ["field"] = "reward_high" }, ["color"] = Colour(data, false),
                }),
                Layer(new JsonObject { ["type"] = "rule", ["strokeWidth"] = 2 }, new JsonObject
                {
                    ["x"] = Axis("kl_low", null), ["x2"] = new JsonObject { ["field"] = "kl_high" }, ["color"] = Colour(data, false),
                }),
                Layer(new JsonObject { ["type"] = "point", ["filled"] = true, ["size"] = 110, ["opacity"] = 1 }, new JsonObject
                {
                    ["color"] = Colour(data, false), ["tooltip"] = Tooltip(),
                }),
                Layer(new JsonObject { ["type"] = "text", ["align"] = "left", ["dx"] = 10, ["dy"] = 14, ["fontSize"] = 13 }, new JsonObject
                {
                    ["text"] = new JsonObject { ["field"] = "label" }, ["color"] = Colour(data, false),
                })),
        };
    }

    /// <summary>One training metric, a line a policy.</summary>
    public static JsonObject Curve(ReportData data, string metric, string title)
    {
        JsonArray values = [.. data.Policies.SelectMany(policy => policy.Curves.Where(point => point.Metric == metric), (policy, point) => (JsonNode)new JsonObject
        {
            ["label"] = PolicyLabel.Of(policy.Entry),
            ["step"] = point.Step,
            ["value"] = point.Value,
        })];
        JsonObject y = Axis("value", title);
        y["scale"] = new JsonObject { ["zero"] = false };
        return new JsonObject
        {
            ["width"] = "container",
            ["height"] = 240,
            ["data"] = new JsonObject { ["values"] = values },
            ["mark"] = new JsonObject { ["type"] = "line", ["strokeWidth"] = 2, ["tooltip"] = true },
            ["encoding"] = new JsonObject { ["x"] = Axis("step", "optimizer step"), ["y"] = y, ["color"] = Colour(data, true) },
        };
    }

    private static JsonObject Axis(string field, string? title) => new()
    {
        ["field"] = field,
        ["type"] = "quantitative",
        ["title"] = title,
    };

    private static JsonObject Layer(JsonObject mark, JsonObject encoding) => new() { ["mark"] = mark, ["encoding"] = encoding };

    /// <summary>One colour a policy, the same in every chart.</summary>
    private static JsonObject Colour(ReportData data, bool legend) => new()
    {
        ["field"] = "label",
        ["type"] = "nominal",
        ["sort"] = null,
        ["legend"] = legend ? new JsonObject { ["title"] = null, ["orient"] = "top" } : null,
        ["scale"] = new JsonObject
        {
            ["domain"] = new JsonArray([.. data.Policies.Select(policy => (JsonNode)PolicyLabel.Of(policy.Entry))]),
            ["range"] = new JsonArray([.. data.Policies.Select((_, index) => (JsonNode)PolicyLabel.Colour(index))]),
        },
    };

    private static JsonArray Tooltip() =>
    [
        new JsonObject { ["field"] = "policy" },
        new JsonObject { ["field"] = "reward", ["format"] = ".4f" },
        new JsonObject { ["field"] = "reward_low", ["format"] = ".4f" },
        new JsonObject { ["field"] = "reward_high", ["format"] = ".4f" },
        new JsonObject { ["field"] = "kl", ["format"] = ".3f" },
        new JsonObject { ["field"] = "kl_low", ["format"] = ".3f" },
        new JsonObject { ["field"] = "kl_high", ["format"] = ".3f" },
    ];
}
