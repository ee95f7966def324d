using System.Globalization;

namespace Rudder.Client.Reports;

/// <summary>Statistics of the pairs that a run draws or is given: score gaps, ties, lengths.</summary>
internal static class PairSection
{
    private const double GapWidth = 0.1;
    private const int LengthBins = 12;
    private const string None = "–";

    /// <summary>A table and two histograms; nothing where the run has no pairs.</summary>
    /// <param name="files">The files of pairs.</param>
    public static Html Render(IReadOnlyList<PairStatistics> files) =>
        files.Count == 0
            ? Html.Empty
            : Html.Of(
                $"""
                <section>
                <h2>Preference pairs</h2>
                <p>The score gap is the score of the chosen completion minus that of the rejected one. Two completions of a prompt with equal
                scores or equal tokens make no pair. If chosen completions are longer than rejected ones, a policy can learn length instead of
                quality.</p>
                {ReportPage.Table("Preference pairs", Rows(files), "pairs")}
                <div class="grid">
                {Gaps(files)}
                {Lengths(files)}
                </div>
                </section>
                """);

    private static Html Rows(IReadOnlyList<PairStatistics> files)
    {
        Html Row(string name, Func<PairStatistics, string> value) =>
            Html.Of($"<tr><th>{name}</th>{files.Select(file => Html.Of($"<td>{value(file)}</td>"))}</tr>");
        return Html.Of(
            $"""
            <thead><tr><th></th>{files.Select(file => Html.Of($"<th>{file.Stage}</th>"))}</tr></thead>
            <tbody>
            {Row("pairs", file => Text(file.Gaps.Count, "0"))}
            {Row("prompts", file => Text(file.Prompts, "0"))}
            {Row("different completions", file => Text(file.Completions, "0"))}
            {Row("ties and equal completions left out", Ties)}
            {Row("score gap, mean", file => IsScored(file) ? Text(file.Gaps.Average(), "0.000") : None)}
            {Row("score gap, median [10 %, 90 %]", file => IsScored(file) ? Quantiles(file.Gaps, "0.000") : None)}
            {Row("tokens of the prompt, median [10 %, 90 %]", file => Quantiles(file.PromptTokens, "0"))}
            {Row("tokens of chosen, median [10 %, 90 %]", file => Quantiles(file.ChosenTokens, "0"))}
            {Row("tokens of rejected, median [10 %, 90 %]", file => Quantiles(file.RejectedTokens, "0"))}
            {Row("tokens of chosen, mean", file => Text(file.ChosenTokens.Average(), "0.0"))}
            {Row("tokens of rejected, mean", file => Text(file.RejectedTokens.Average(), "0.0"))}
            {Row("pairs whose chosen completion is longer / shorter", Longer)}
            </tbody>
            """);
    }

    private static Html Gaps(IReadOnlyList<PairStatistics> files)
    {
        PairStatistics[] scored = [.. files.Where(IsScored)];
        return scored.Length == 0
            ? Html.Empty
            : Chart(
                "pair-gaps", "Share of pairs by score gap", "score gap", "0.0",
                Histogram.Of(GapWidth, [.. scored.Select(file => (file.Stage, file.Gaps))]));
    }

    private static Html Lengths(IReadOnlyList<PairStatistics> files)
    {
        double longest = files.Max(file => Math.Max(file.ChosenTokens.Max(), file.RejectedTokens.Max()));
        return Chart(
            "pair-lengths", "Share of pairs by length of chosen and rejected completion", "tokens", "0",
            Histogram.Of(
                Math.Max(1, Math.Ceiling(longest / LengthBins)),
                [
                    .. files.SelectMany(file => ((string, IReadOnlyList<double>)[])
                        [($"{file.Stage}, chosen", file.ChosenTokens), ($"{file.Stage}, rejected", file.RejectedTokens)]),
                ]));
    }

    private static Html Chart(string id, string caption, string axis, string format, Histogram counted)
    {
        Html Row(int bin)
        {
            IEnumerable<Html> shares = counted.Groups.Select(group => Html.Of($"<td>{group.Shares[bin]:0.0 %}</td>"));
            return Html.Of($"<tr><th>{Text(counted.From(bin), format)}</th>{shares}</tr>");
        }

        return ReportPage.Chart(
            id, caption, Charts.Shares(counted, axis),
            Html.Of(
                $"""
                <thead><tr><th>{axis}, from</th>{counted.Groups.Select(group => Html.Of($"<th>{group.Name}</th>"))}</tr></thead>
                <tbody>{Enumerable.Range(0, counted.Bins).Select(Row)}</tbody>
                """));
    }

    /// <summary>Where people ranked the completions, each pair has the same gap.</summary>
    private static bool IsScored(PairStatistics file) => file.Gaps.Distinct().Skip(1).Any();

    private static string Ties(PairStatistics file) =>
        file.Ties is { } ties
            ? FormattableString.Invariant($"{ties.Count} of {ties.Possible} ({ties.Count / (double)ties.Possible:0.0 %})")
            : None;

    private static string Longer(PairStatistics file)
    {
        IEnumerable<int> signs = file.ChosenTokens.Zip(file.RejectedTokens, (chosen, rejected) => Math.Sign(chosen - rejected));
        double Share(int sign) => signs.Count(one => one == sign) / (double)file.Gaps.Count;
        return $"{Text(Share(1), "0.0 %")} / {Text(Share(-1), "0.0 %")}";
    }

    private static string Quantiles(IReadOnlyList<double> values, string format)
    {
        double[] sorted = [.. values.Order()];
        string At(double share) => Text(sorted[(int)Math.Round(share * (sorted.Length - 1))], format);
        return $"{At(0.5)} [{At(0.1)}, {At(0.9)}]";
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
