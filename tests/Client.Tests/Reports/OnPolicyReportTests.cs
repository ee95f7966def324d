using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Rudder.Client.Evaluation;
using Rudder.Client.Files;
using Rudder.Client.Reports;
using Rudder.Client.Runs;

namespace Rudder.Client.Tests.Reports;

/// <summary>What a report shows of on-policy trainings, reward models, comparisons and times.</summary>
public sealed partial class OnPolicyReportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_OnPolicyMetrics_AreDrawnByTheirNames()
    {
        string page = Page(
            """
            {"step":1,"split":"train","loss":2,"objective/scores":0.4,"reward/sentiment":0.5,"kl/seq_exact":0.1,"learning_rate":1e-4,"grad_norm":3}
            {"step":2,"split":"train","loss":1,"objective/scores":0.6,"reward/sentiment":0.7,"kl/seq_exact":0.9,"learning_rate":1e-4,"grad_norm":2}

            """);
        var drawn = Figure().Matches(page).ToDictionary(match => match.Groups[1].Value, match => Values(match.Groups[2].Value));
        Assert.Equal([0.4, 0.6], drawn["reward"]);
        Assert.Equal([0.5, 0.7], drawn["reward-sentiment"]);
        Assert.Equal([0.1, 0.9], drawn["kl"]);
        Assert.Equal([1e-4, 1e-4], drawn["learning-rate"]);
        Assert.Equal([3, 2], drawn["gradient-norm"]);
        Assert.DoesNotContain("margins", drawn.Keys); // no training has them
    }

    [Fact]
    public void Read_Samples_AreSpreadOverTheStepsAndDamagedLinesPassedOver()
    {
        string path = _folder.Write(
            "samples.jsonl",
            string.Concat(Enumerable.Range(1, 50).SelectMany(step => Enumerable.Range(0, 3).Select(i =>
                $$"""{"step":{{step}},"prompt":"p","completion":" c{{i}}","reward":0.5,"kl":1.5}""" + "\n")))
                + "{\"step\":51,\"prompt\":\"p\"}\n{\"step\":52");
        IReadOnlyList<TrainingSample> samples = TrainingSample.Read(path);
        Assert.Equal([1, 8, 15, 22, 29, 36, 43, 50], samples.Select(sample => sample.Step).Distinct());
        Assert.Equal([" c0", " c1"], samples.Take(2).Select(sample => sample.Completion));
        Assert.Equal(new TrainingSample(1, "p", " c0", 0.5, 1.5), samples[0]);
    }

    [Fact]
    public void Write_Samples_StandInATableAndAreEscaped()
    {
        string page = Page("", """{"step":3,"prompt":"A <b>","completion":" film","reward":0.25,"kl":2}""");
        Assert.Contains(
            """<tr><th>3</th><td><span class="given">A &lt;b&gt;</span> film</td><td>0.25</td><td>2.0</td></tr>""", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_RewardModelComparisonAndStages_AreShown()
    {
        Prepare("");
        _folder.Write("reward/metrics.jsonl", """{"step":1,"split":"train","loss":0.6,"accuracy":0.625}""");
        _folder.Write("dpo-beta-0.1/recipe.json", """{"batch":{"prompts":64,"samples":4}}""");
        _folder.Write("dpo-beta-0.1/done.json", """{"final":{"steps":5}}""");
        _folder.Write("compare.json", StrictJson.Format(new ComparisonResult("dpo-beta-0.1", 7, 0.75, 0.5, null, -1.25)));
        var manifest = StrictJson.Read<RunManifest>(_folder.File(RunManifest.FileName));
        _folder.Write(RunManifest.FileName, StrictJson.Format(manifest with { RewardModels = ["reward"], Comparisons = ["compare.json"] }));
        _folder.Write(
            "stages/dpo-beta-0.1.json",
            """{"stage":"dpo-beta-0.1","key":"k","state":"done","inputs":{},"started":"2026-01-01T00:00:00Z","finished":null,"seconds":12.4}""");
        string page = Rendered();
        Assert.Contains("<th>reward</th><td>0.6250</td>", page, StringComparison.Ordinal); // accuracy, first and last
        Assert.Contains(
            "<tr><th>dpo-beta-0.1</th><td>0.750</td><td>0.500</td><td>–</td>\n<td>-1.250</td><td>1280</td><td>12.4</td></tr>", page,
            StringComparison.Ordinal); // 5 steps of 64 prompts with 4 completions
        Assert.Contains("12 s in all", page, StringComparison.Ordinal);
        JsonNode times = JsonNode.Parse(Figure().Matches(page).Single(match => match.Groups[1].Value == "times").Groups[2].Value)!;
        Assert.Equal(12.4, times["data"]![0]!["x"]![0]!.GetValue<double>());
    }

    private static double[] Values(string figure) =>
        [.. JsonNode.Parse(figure)!["data"]![0]!["y"]!.AsArray().Select(value => value!.GetValue<double>())];

    private string Page(string metrics, string? samples = null)
    {
        Prepare(metrics);
        if (samples is not null)
        {
            _folder.Write("dpo-beta-0.1/samples.jsonl", samples);
        }

        return Rendered();
    }

    private void Prepare(string metrics)
    {
        RunExample.Write(_folder, "text");
        _folder.Write("dpo-beta-0.1/metrics.jsonl", metrics);
    }

    private string Rendered()
    {
        ReportWriter.Write(_folder.Path, _folder.File("report.html"));
        return File.ReadAllText(_folder.File("report.html"));
    }

    [GeneratedRegex("""<figure id="((?!frontier)[^"]*)">.*?<script type="application/json">(.*?)</script>""", RegexOptions.Singleline)]
    private static partial Regex Figure();
}
