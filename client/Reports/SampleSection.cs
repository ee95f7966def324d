namespace Rudder.Client.Reports;

/// <summary>The same prompts under every policy, side by side.</summary>
internal static class SampleSection
{
    /// <summary>A block a prompt; in it a card a policy.</summary>
    public static Html Render(ReportData data) =>
        Html.Of(
            $"""
            <section>
            <h2>Samples</h2>
            <p>The first completion of each of the first five evaluation prompts: a fixed choice, not a selection. All policies drew with the same seeds.</p>
            {data.Policies[0].Evaluation.SampleCompletions.Select((sample, index) => Prompt(data, sample.Prompt, index))}
            </section>
            """);

    /// <summary>Completions over the steps of each on-policy training; nothing where none were logged.</summary>
    public static Html OfTrainings(IReadOnlyList<ReportPolicy> policies)
    {
        ReportPolicy[] logged = [.. policies.Where(policy => policy.Samples.Count > 0)];
        return logged.Length == 0
            ? Html.Empty
            : Html.Of(
                $"""
                <section>
                <h2>Samples during training</h2>
                <p>Completions that each policy drew for its own training, from its first step to its last.</p>
                {logged.Select(policy => Html.Of(
                    $"<details><summary>{PolicyLabel.Of(policy.Entry)}</summary>{ReportPage.Table($"Samples of {policy.Entry.Name} during training", Steps(policy.Samples), "samples")}</details>"
                ))}
                </section>
                """);
    }

    private static Html Steps(IReadOnlyList<TrainingSample> samples) =>
        Html.Of(
            $"""
            <thead><tr><th>step</th><th>completion</th><th>reward</th><th>KL</th></tr></thead>
            <tbody>{samples.Select(Step)}</tbody>
            """);

    private static Html Step(TrainingSample sample) =>
        Html.Of(
            $"""<tr><th>{sample.Step}</th><td><span class="given">{sample.Prompt}</span>{sample.Completion}</td><td>{sample.Reward:0.00}</td><td>{sample.Kl:0.0}</td></tr>""");

    private static Html Prompt(ReportData data, string prompt, int sample) =>
        Html.Of(
            $"""
            <h3 class="prompt">“{prompt} …”</h3>
            <div class="cards">{data.Policies.Where(policy => sample < policy.Evaluation.SampleCompletions.Count).Select(
                (policy, index) => Card(policy, index, sample)
            )}</div>
            """);

    private static Html Card(ReportPolicy policy, int index, int sample)
    {
        Evaluation.SampleCompletion shown = policy.Evaluation.SampleCompletions[sample];
        return Html.Of(
            $"""
            <article style="border-top-color:{PolicyLabel.Colour(index)}"><h4>{PolicyLabel.Of(policy.Entry)}</h4>
            <p><span class="given">{shown.Prompt}</span>{shown.Completion}</p>
            <p class="meter"><span class="bar"><span style="width:{100
                * Math.Clamp(shown.Reward, 0, 1):0}%"></span></span> reward {shown.Reward:0.00} · KL {shown.KlSeqExact:0.0}</p></article>
            """);
    }
}
