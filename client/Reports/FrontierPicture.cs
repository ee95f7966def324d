namespace Rudder.Client.Reports;

/// <summary>The frontier as a plain SVG: shown where scripts are off, and written as a file for other pages.</summary>
internal static class FrontierPicture
{
    /// <summary>Name of the picture in the run's folder; see <see cref="ReportWriter.PicturePath"/> for other pages.</summary>
    public const string FileName = "frontier.svg";

    private const int Width = 820;
    private const int Height = 440;
    private const string Ink = "#7a828c";

    /// <summary>Reward against KL with 95 % intervals; its greys are readable on light and dark pages.</summary>
    public static Html Render(ReportData data)
    {
        var x = LinearAxis.Around([.. data.Policies.SelectMany(p => p.Evaluation.KlSeqExactCi), 0], 80, Width - 110);
        var y = LinearAxis.Around([.. data.Policies.SelectMany(p => p.Evaluation.RewardCi)], Height - 64, 24);
        return Html.Of(
            $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {Height}" role="img" font-family="system-ui, sans-serif" font-size="13" fill="{Ink}">
            <title>Reward against KL of each policy, with 95 % intervals</title>
            {x.Ticks.Select(tick => XTick(x, y, tick))}
            {y.Ticks.Select(tick => YTick(x, y, tick))}
            <text x="{(x.From + x.To) / 2:0}" y="{Height - 14}" text-anchor="middle">KL(policy ‖ reference), nats a completion</text>
            <text transform="translate(20 {(y.From + y.To) / 2:0}) rotate(-90)" text-anchor="middle">mean reward, P(positive)</text>
            {data.Policies.Select((policy, index) => Point(x, y, policy, PolicyLabel.Colour(index)))}
            </svg>
            """);
    }

    private static Html XTick(LinearAxis x, LinearAxis y, double tick) =>
        Html.Of(
            $"""
            <line x1="{x.Place(tick):0.0}" x2="{x.Place(
                tick
            ):0.0}" y1="{y.From:0}" y2="{y.To:0}" stroke="{Ink}" stroke-opacity="0.18"/><text x="{x.Place(tick):0.0}" y="{y.From
                + 20:0}" text-anchor="middle">{tick:0.###}</text>
            """);

    private static Html YTick(LinearAxis x, LinearAxis y, double tick) =>
        Html.Of(
            $"""
            <line x1="{x.From:0}" x2="{x.To:0}" y1="{y.Place(tick):0.0}" y2="{y.Place(
                tick
            ):0.0}" stroke="{Ink}" stroke-opacity="0.18"/><text x="{x.From - 10:0}" y="{y.Place(tick)
                + 4:0.0}" text-anchor="end">{tick:0.00##}</text>
            """);

    private static Html Point(LinearAxis x, LinearAxis y, ReportPolicy policy, string colour)
    {
        (double cx, double cy) = (x.Place(policy.Evaluation.KlSeqExact), y.Place(policy.Evaluation.RewardMean));
        double[] kl = policy.Evaluation.KlSeqExactCi;
        double[] reward = policy.Evaluation.RewardCi;
        return Html.Of(
            $"""
            <g stroke="{colour}" stroke-width="2"><line x1="{cx:0.0}" x2="{cx:0.0}" y1="{y.Place(reward[0]):0.0}" y2="{y.Place(
                reward[1]
            ):0.0}"/><line x1="{x.Place(kl[0]):0.0}" x2="{x.Place(kl[1]):0.0}" y1="{cy:0.0}" y2="{cy:0.0}"/></g>
            <circle cx="{cx:0.0}" cy="{cy:0.0}" r="5.5" fill="{colour}"/><text x="{cx + 11:0.0}" y="{cy
                + 20:0.0}" fill="{colour}" font-weight="600">{PolicyLabel.Of(policy.Entry)}</text>
            """);
    }
}
