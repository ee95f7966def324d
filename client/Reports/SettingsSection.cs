using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Runs;
using static System.FormattableString;

namespace Rudder.Client.Reports;

/// <summary>All settings, the machine, the time of each stage, and how to repeat the run.</summary>
internal static class SettingsSection
{
    /// <summary>Tables of names and values.</summary>
    public static Html Render(ReportData data) =>
        Html.Of(
            $"""
            <section>
            <h2>Settings</h2>
            <p>{LearningRate(data.Manifest)}</p>
            {Table("Experiment, as read", Flat(data.Manifest.Settings))}
            {FineTuning(data.FineTuning?.Recipe)}
            {RecipeTable.Render(TrainingRecipe.Of(data))}
            {data.Policies.Select(policy => Table($"Evaluation of {policy.Entry.Name}", Flat(policy.Evaluation.Settings)))}
            </section>
            <section>
            <h2>Environment</h2>
            {Table("Machine and versions", Flat(StrictJson.ToNode(data.Machine)), open: true)}
            </section>
            <section>
            <h2>How to reproduce</h2>
            <p>From the root of a checkout{CommitLabel.Where(data.Summary)}{Means(data.Manifest.Reproduce)}:</p>
            <pre>{data.Manifest.Reproduce}</pre>
            <p>Seeds are fixed: every prompt draws with its own seed, derived from the run's seed and the prompt's id, so results in fp32 do not depend on batching
            or on interruptions. Floating-point sums may differ between processors, and with them single completions.</p>
            </section>
            """);

    /// <summary>Leaves of a JSON tree as dotted paths; lists of plain values stay on one line.</summary>
    public static IEnumerable<(string Key, string Value)> Flat(JsonNode node, string path = "") =>
        node switch
        {
            JsonObject values => values.SelectMany(pair =>
                pair.Value is null ? [(Join(path, pair.Key), "–")] : Flat(pair.Value, Join(path, pair.Key))),
            JsonArray list when list.All(item => item is null or JsonValue) =>
            [
                (path, string.Join(", ", list.Select(item => item?.ToString() ?? "–"))),
            ],
            JsonArray list => list.SelectMany((item, index) => item is null ? [] : Flat(item, $"{path}[{index}]")),
            _ => [(path, node.ToString())],
        };

    private static Html Means(string reproduce) =>
        new(reproduce.StartsWith("dotnet ", StringComparison.Ordinal) ? ", after a build (<code>dotnet build -c Release</code>)" : ", with the installed tool");

    private static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";

    /// <summary>A table of names and values that opens on a click.</summary>
    public static Html Table(string title, IEnumerable<(string Key, string Value)> rows, bool open = false) =>
        Html.Of(
            $"""
            <details{new Html(open ? " open" : "")}><summary>{title}</summary>{ReportPage.Table(title, Rows(rows), "settings")}</details>
            """);

    private static Html Rows(IEnumerable<(string Key, string Value)> rows) =>
        Html.Of($"<tbody>{rows.Select(row => Html.Of($"<tr><th>{row.Key}</th><td>{row.Value}</td></tr>"))}</tbody>");

    private static string LearningRate(RunManifest manifest) =>
        manifest.LearningRate is { } rate ? Invariant($"Learning rate {rate:0.###e-0}. {manifest.LearningRateReason}")
        : manifest.LearningRateReason.Length > 0 ? $"Learning rates: {manifest.LearningRateReason}"
        : "Each training takes the learning rate of its recipe.";

    private static Html FineTuning(JsonNode? recipe) =>
        recipe is null ? Html.Empty : Table("Recipe of the fine-tuning, as resolved", Flat(recipe));
}
