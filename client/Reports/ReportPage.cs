using System.Text.Json.Nodes;
using Rudder.Client.Experiments;

namespace Rudder.Client.Reports;

/// <summary>The page: its sections, top to bottom.</summary>
internal static class ReportPage
{
    /// <summary>Whole HTML document. Its security policy forbids every load from elsewhere.</summary>
    public static Html Render(ReportData data, ReportAssets assets) =>
        Html.Of(
            $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; img-src data:">
            <meta name="color-scheme" content="light dark">
            <title>{data.Manifest.Title} ({data.Manifest.Variant})</title>
            <style>{new Html(assets.Style)}</style>
            </head>
            <body>
            <main>
            {Header(data)}
            {FrontierSection(data)}
            {FineTuningSection.Render(data.FineTuning)}
            {CurvesSection(data)}
            {SampleSection.Render(data)}
            {SettingsSection.Render(data)}
            </main>
            {assets.Scripts.Select(script => new Html($"<script>{script}</script>\n"))}
            </body>
            </html>
            """
        );

    /// <summary>A chart's place and its specification; without scripts its still picture stays, or the tables speak.</summary>
    public static Html Chart(string caption, JsonObject specification, Html? still = null) =>
        Html.Of(
            $"""
            <figure><div class="chart" role="img" aria-label="{caption}">{still ?? Html.Empty}</div>
            <script type="application/json">{new Html(specification.ToJsonString())}</script>
            <figcaption>{caption}</figcaption></figure>
            """
        );

    private static Html Header(ReportData data) =>
        Html.Of(
            $"""
            <header>
            <p class="eyebrow">{data.Manifest.Experiment} · variant {data.Manifest.Variant}</p>
            <h1>{data.Manifest.Title}</h1>
            <p class="lead">{data.Manifest.Description}</p>
            <p class="meta">{data.Environment.Written:yyyy-MM-dd HH:mm} UTC · commit {CommitLabel.Short(
                data.Summary,
                data.Environment
            )} · {data.Environment.Cores} cores{Processor(data.Environment)} · {data.Manifest.Settings.Description}</p>
            </header>
            """
        );

    private static string Processor(RunEnvironment environment) => environment.Processor is null ? "" : $" ({environment.Processor})";

    private static Html FrontierSection(ReportData data) =>
        Html.Of(
            $"""
            <section>
            <h2>Reward against KL</h2>
            <p>Each point is one policy: how positive its completions are, and how far it has moved from the reference. A larger β stays nearer to the
            reference. Bars are 95 % intervals, from a bootstrap that resamples whole prompts.</p>
            {Chart(
                "Frontier: mean reward against kl/seq_exact, with 95 % intervals on both axes",
                Charts.Frontier(data),
                FrontierPicture.Render(data)
            )}
            <div class="scroll"><table>
            <thead><tr><th>policy</th><th>β</th><th>reward</th><th>kl/seq_exact</th><th>kl/seq_k1</th><th>kl/token_mean</th><th>tokens</th><th>ended</th><th>prompts × samples</th></tr></thead>
            <tbody>{data.Policies.Select(FrontierRow)}</tbody>
            </table></div>
            <p class="note">Reward: the classifier's P(positive) of prompt and completion together. KL in nats over a whole completion, sampled at temperature 1
            without truncation: kl/seq_exact sums the exact KL over the vocabulary along the path, kl/seq_k1 is the plain log-ratio of the drawn tokens, which is
            unbiased and noisier. kl/token_mean: kl/seq_exact a token. tokens: mean length of a completion. ended: share that ended by itself rather than at the length limit.</p>
            </section>
            """
        );

    private static Html FrontierRow(ReportPolicy policy, int index) =>
        Html.Of(
            $"""
            <tr><th><span class="dot" style="background:{PolicyLabel.Colour(
                index
            )}"></span>{policy.Entry.Name}</th><td>{policy.Entry.Beta?.ToString("0.####", System.Globalization.CultureInfo.InvariantCulture)
                ?? "–"}</td>{Cell(policy.Evaluation.RewardMean, policy.Evaluation.RewardCi, "0.000")}{Cell(
                policy.Evaluation.KlSeqExact,
                policy.Evaluation.KlSeqExactCi,
                "0.00"
            )}{Cell(policy.Evaluation.KlSeqK1, policy.Evaluation.KlSeqK1Ci, "0.00")}{Cell(
                policy.Evaluation.KlTokenMean,
                policy.Evaluation.KlTokenMeanCi,
                "0.000"
            )}{Cell(
                policy.Evaluation.LengthMean,
                policy.Evaluation.LengthCi,
                "0.0"
            )}<td>{policy.Evaluation.EndedShare:0 %}</td><td>{policy.Evaluation.Prompts} × {policy.Evaluation.Samples
                / policy.Evaluation.Prompts}</td></tr>
            """
        );

    private static Html Cell(double mean, double[] interval, string format)
    {
        string low = interval[0].ToString(format, System.Globalization.CultureInfo.InvariantCulture);
        string high = interval[1].ToString(format, System.Globalization.CultureInfo.InvariantCulture);
        return Html.Of(
            $"<td>{mean.ToString(format, System.Globalization.CultureInfo.InvariantCulture)} <small>[{low}, {high}]</small></td>"
        );
    }

    private static Html CurvesSection(ReportData data) =>
        data.Policies.All(policy => policy.Curves.Count == 0)
            ? Html.Empty
            : Html.Of(
                $"""
                <section>
                <h2>Training</h2>
                <p>DPO on the same pairs at each β. Loss starts at ln 2 ≈ 0.693, where the policy equals the reference. The margin is β times the difference of the
                log-ratios of chosen and rejected completion; accuracy is the share of pairs with a positive margin, ties counted as wrong.</p>
                <div class="grid">
                {Chart("Loss by optimizer step", Charts.Curve(data, "loss", "loss, nats"))}
                {Chart("Reward margin by optimizer step", Charts.Curve(data, "rewards/margins", "rewards/margins"))}
                {Chart("Preference accuracy (implicit) by optimizer step", Charts.Curve(data, "rewards/accuracies", "rewards/accuracies"))}
                </div>
                <div class="scroll"><table>
                <thead><tr><th>policy</th><th>metric</th><th>first</th><th>last</th><th>steps</th></tr></thead>
                <tbody>{data.Policies.SelectMany(policy => CurveRows(policy.Entry.Name, policy.Curves))}</tbody>
                </table></div>
                </section>
                """
            );

    /// <summary>First and last value of each metric of a training.</summary>
    public static IEnumerable<Html> CurveRows(string training, IEnumerable<CurvePoint> curves) =>
        curves
            .GroupBy(point => point.Metric)
            .Select(curve =>
                Html.Of(
                    $"<tr><th>{training}</th><td>{curve.Key}</td><td>{curve.First().Value:0.0000}</td><td>{curve.Last().Value:0.0000}</td><td>{curve.Last().Step:0}</td></tr>"
                )
            );
}
