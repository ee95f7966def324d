using System.Globalization;
using Rudder.Client.Evaluation;

namespace Rudder.Client.Reports;

/// <summary>The page: its sections, top to bottom.</summary>
internal static class ReportPage
{
    /// <summary>The page of a run.</summary>
    public static Html Render(ReportData data) =>
        Document(
            $"{data.Manifest.Title} ({data.Manifest.Variant})",
            Html.Of(
                $"""
                {Header(data)}
                {FrontierSection(data)}
                {ComparisonSection.Render(data)}
                {PartsSection.Render(data)}
                {PairSection.Render(data.Pairs)}
                {TrainingSection.FineTuning(data.FineTuning)}
                {TrainingSection.Trainings(data)}
                {SampleSection.Render(data)}
                {SampleSection.OfTrainings(data.Policies)}
                {TimeSection.Render(data.Stages)}
                {SettingsSection.Render(data)}
                """));

    /// <summary>Whole HTML document. Its security policy forbids every load from elsewhere.</summary>
    /// <param name="title">Of the window.</param>
    /// <param name="sections">Content of the page.</param>
    public static Html Document(string title, Html sections) =>
        Html.Of(
            $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:">
            <meta name="color-scheme" content="light dark">
            <title>{title}</title>
            <style>{new Html(PageAssets.Style)}</style>
            </head>
            <body>
            <main>
            {sections}
            </main>
            <script>{new Html(PageAssets.ChartLibrary)}</script>
            <script>{new Html(PageAssets.Script)}</script>
            </body>
            </html>
            """);

    /// <summary>A chart's place, its figure and the table of its values. Without scripts the still picture or the table remains.</summary>
    /// <param name="id">Name of the element, and of the PNG that a reader may save.</param>
    /// <param name="caption">What the chart shows.</param>
    /// <param name="figure">plotly.js JSON.</param>
    /// <param name="table">The values.</param>
    /// <param name="still">A picture without scripts.</param>
    public static Html Chart(string id, string caption, string figure, Html table, Html? still = null) =>
        Html.Of(
            $"""
            <figure id="{id}"><div class="chart" role="img" aria-label="{caption}. A table of the values follows.">{still
                ?? Html.Empty}</div>
            <script type="application/json">{new Html(figure)}</script>
            <figcaption>{caption}</figcaption>
            {Table(caption, table)}</figure>
            """);

    /// <summary>A table that scrolls sideways, also by keyboard, where the page is narrower than it.</summary>
    public static Html Table(string name, Html rows, string style = "numbers") =>
        Html.Of($"""<div class="scroll" role="region" tabindex="0" aria-label="{name}"><table class="{style}">{rows}</table></div>""");

    private static Html Header(ReportData data) =>
        Html.Of(
            $"""
            <header>
            <p class="eyebrow">{data.Manifest.Experiment} · variant {data.Manifest.Variant}</p>
            <h1>{data.Manifest.Title}</h1>
            <p class="lead">{data.Manifest.Description}</p>
            <p class="meta">{data.Machine.Written:yyyy-MM-dd HH:mm} UTC · commit {CommitLabel.Short(data.Summary, data.Machine)} · {data.Machine.Cores} cores{
                (data.Machine.Processor is { } processor ? $" ({processor})" : "")}, {data.Machine.MemoryGib:0.#} GiB · {data.Manifest.Settings["description"]?.ToString()}</p>
            </header>
            """);

    private static Html FrontierSection(ReportData data) =>
        Html.Of(
            $"""
            <section>
            <h2>Reward against KL</h2>
            <p>Each point is one policy: how positive its completions are, and how far it has moved from the reference. A larger β stays nearer to the
            reference. Bars are 95 % intervals, from a bootstrap that resamples whole prompts.</p>
            {Chart(
                "frontier",
                "Frontier: mean reward against kl/seq_exact, with 95 % intervals on both axes",
                Charts.Frontier(data),
                FrontierRows(data),
                FrontierPicture.Render(data)
            )}
            <p class="note">Reward: the classifier's P(positive) of prompt and completion together. KL in nats over a whole completion, sampled at temperature 1
            without truncation: kl/seq_exact sums the exact KL over the vocabulary along the path; kl/seq_k1 is the log-ratio of the drawn tokens, which is
            unbiased and noisier. kl/token_mean: kl/seq_exact per token. tokens: mean length of a completion. ended: share of completions that ended with
            end-of-text before the length limit.</p>
            </section>
            """);

    private static Html FrontierRows(ReportData data) =>
        Html.Of(
            $"""
            <thead><tr><th>policy</th><th>β</th><th>reward</th><th>kl/seq_exact</th><th>kl/seq_k1</th><th>kl/token_mean</th><th>tokens</th><th>ended</th><th>prompts × samples</th></tr></thead>
            <tbody>{data.Policies.Select(FrontierRow)}</tbody>
            """);

    private static Html FrontierRow(ReportPolicy policy, int index)
    {
        EvaluationResult result = policy.Evaluation;
        Html[] cells =
        [
            Html.Of($"""<th><span class="dot" style="background:{PolicyLabel.Colour(index)}"></span>{policy.Entry.Name}</th>"""),
            Html.Of($"<td>{policy.Entry.Beta?.ToString("0.####", CultureInfo.InvariantCulture) ?? "–"}</td>"),
            Cell(result.RewardMean, result.RewardCi, "0.000"),
            Cell(result.KlSeqExact, result.KlSeqExactCi, "0.00"),
            Cell(result.KlSeqK1, result.KlSeqK1Ci, "0.00"),
            Cell(result.KlTokenMean, result.KlTokenMeanCi, "0.000"),
            Cell(result.LengthMean, result.LengthCi, "0.0"),
            Html.Of($"<td>{result.EndedShare:0 %}</td><td>{result.Prompts} × {result.Samples / result.Prompts}</td>"),
        ];
        return Html.Of($"<tr>{cells}</tr>");
    }

    private static Html Cell(double mean, double[] interval, string format)
    {
        string Number(double value) => value.ToString(format, CultureInfo.InvariantCulture);
        return Html.Of($"<td>{Number(mean)} <small>[{Number(interval[0])}, {Number(interval[1])}]</small></td>");
    }
}
