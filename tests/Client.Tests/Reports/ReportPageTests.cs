using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Rudder.Client.Files;
using Rudder.Client.Reports;
using Rudder.Client.Runs;

namespace Rudder.Client.Tests.Reports;

/// <summary>The page: complete, escaped, and without a single load from elsewhere.</summary>
public sealed partial class ReportPageTests : IDisposable
{
    private const string Hostile = "</script><img src=x onerror=alert(1)> & \"quoted\" 'too'";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_HostileTexts_AreEscapedEverywhere()
    {
        string page = Scripts().Replace(Page(), "<script></script>");
        Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
        Assert.Contains("&lt;img src=x onerror=alert(1)&gt;", page, StringComparison.Ordinal);
        Assert.Equal(Starts().Count(page), Ends().Count(page));
    }

    [Fact]
    public void Write_Page_LoadsNothingFromElsewhere()
    {
        string page = Scripts().Replace(Page(), "");
        Assert.DoesNotMatch(ExternalLoad(), page);
        Assert.Contains("default-src 'none'", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_Page_HoldsEveryPolicyCurveSampleAndSetting()
    {
        string page = Page();
        foreach (
            string wanted in (string[])
                [
                    "reference",
                    "dpo-beta-0.1",
                    "0.612",
                    "[0.550, 0.670]",
                    "12.34",
                    "rewards/margins",
                    "rewards/accuracies",
                    "known to work",
                    "dotnet run --project client -- run x --variant demo",
                    "betas",
                    "pairs.samples",
                ]
        )
        {
            Assert.Contains(wanted, page, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Write_Charts_AreValidJsonWithTheNumbers()
    {
        JsonNode[] charts = [.. ChartJson().Matches(Page()).Select(match => JsonNode.Parse(match.Groups[1].Value)!)];
        Assert.Equal(7, charts.Length); // one of them of evaluations, two of pairs
        JsonNode policy = charts[0]["data"]![2]!; // after the connecting line and the reference
        Assert.Equal(12.34, policy["x"]![0]!.GetValue<double>());
        Assert.Equal(1, policy["error_x"]!["array"]![0]!.GetValue<double>(), 9);
        Assert.Equal([0.693, 0.5], charts[3]["data"]![0]!["y"]!.AsArray().Select(value => value!.GetValue<double>()));
    }

    [Fact]
    public void Write_RunOfAnInstalledTool_AsksForNoBuild()
    {
        RunExample.Write(_folder, "text");
        RunManifest manifest = StrictJson.Read<RunManifest>(_folder.File(RunManifest.FileName));
        File.WriteAllText(_folder.File(RunManifest.FileName), StrictJson.Format(manifest with { Reproduce = "client run x --variant demo" }));
        ReportWriter.Write(_folder.Path, _folder.File("report.html"));
        string page = File.ReadAllText(_folder.File("report.html"));
        Assert.Contains("with the installed tool:</p>\n<pre>client run x --variant demo</pre>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("dotnet build", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_CommitOfTheNumbers_StandsInTheHeadAndInTheReproduction()
    {
        string page = Page("fedcba9876543210");
        Assert.Contains("· commit fedcba987654 ·", page, StringComparison.Ordinal); // the checkout that wrote the page is at another
        Assert.Contains("a checkout at commit fedcba9876543210, after a build", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_SeveralCommits_SaysThatNoneReproducesTheRun()
    {
        string page = Page("mixed: aaa, bbb");
        Assert.Contains("· commit mixed: aaa, bbb ·", page, StringComparison.Ordinal);
        Assert.Contains("no single commit reproduces them", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_RunWithFineTuning_ShowsItsRecipeAndLoss()
    {
        _folder.Write("sft/recipe.json", """{"data":{"window":77}}""");
        _folder.Write(
            "sft/metrics.jsonl",
            """
            {"step":1,"split":"train","loss":3.25}
            {"step":2,"split":"train","loss":2.5}

            """
        );
        string page = Page(sft: "sft");
        Assert.Contains("Recipe of the fine-tuning, as resolved", page, StringComparison.Ordinal);
        Assert.Contains("<th>data.window</th><td>77</td>", page, StringComparison.Ordinal);
        Assert.Contains("<th>fine-tuning</th><td>3.2500</td><td>2.5000</td>", page, StringComparison.Ordinal);
        Assert.Equal(8, ChartJson().Count(page));
    }

    [Fact]
    public void Read_ManifestFromBeforeFineTuningWasKept_IsReadable()
    {
        RunExample.Write(_folder, "text");
        var old = (JsonObject)JsonNode.Parse(File.ReadAllText(_folder.File("run.json")))!;
        Assert.True(old.Remove("sft"));
        _folder.Write("run.json", old.ToJsonString());
        Assert.Null(ReportData.Read(_folder.Path).FineTuning);
    }

    [Fact]
    public void Write_TwoPagesOfOneFolder_KeepAPictureEach()
    {
        RunExample.Write(_folder, "text");
        ReportWriter.Write(_folder.Path, _folder.File("a.html"));
        ReportWriter.Write(_folder.Path, _folder.File("b-0.1.html"));
        ReportWriter.Write(_folder.Path, _folder.File("report.html"));
        IEnumerable<string> pictures = Directory.EnumerateFiles(_folder.Path, "*.svg").Select(file => Path.GetFileName(file));
        Assert.Equal(["a.frontier.svg", "b-0.1.frontier.svg", "frontier.svg"], pictures.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Write_UnfinishedRun_SaysSo()
    {
        BadInputException error = Assert.Throws<BadInputException>(() => ReportWriter.Write(_folder.Path, _folder.File("x.html")));
        Assert.Contains("summary.json", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("[{}]")]
    [InlineData("null")]
    [InlineData("5")]
    [InlineData("{}")]
    [InlineData("\0")]
    [InlineData("{\"step\":1,\"step\":2}")]
    [InlineData("{\"step\":{},\"split\":[],\"loss\":\"\\ud800\"}")]
    public void Write_DamagedStateFile_IsBadInputOrHarmless(string text)
    {
        RunExample.Write(_folder, "text");
        _folder.Write(
            "stages/pairs.json",
            """{"stage":"pairs","key":"k","state":"done","inputs":{},"started":"2026-01-01T00:00:00Z","finished":null,"seconds":1}"""
        );
        ReportWriter.Write(_folder.Path, _folder.File("report.html")); // undamaged
        foreach (string file in Directory.EnumerateFiles(_folder.Path, "*.json*", SearchOption.AllDirectories).ToArray())
        {
            string whole = File.ReadAllText(file);
            File.WriteAllText(file, text);
            Exception? error = Record.Exception(() => ReportWriter.Write(_folder.Path, _folder.File("report.html")));
            Assert.True(error is null || Failures.CodeOf(error) == ExitCodes.BadInput, $"{file} with {text}: {error}");
            File.WriteAllText(file, whole);
        }
    }

    [Fact]
    public void Read_LongMetrics_AreThinnedToMeans()
    {
        string path = _folder.Write(
            "metrics.jsonl",
            string.Concat(Enumerable.Range(1, 1000).Select(i => $$"""{"step":{{i}},"split":"train","loss":{{i}}}""" + "\n"))
                + "{\"step\":10"
        );
        IReadOnlyList<CurvePoint> points = TrainingCurves.Read(path);
        Assert.InRange(points.Count, 100, TrainingCurves.MaxPoints);
        Assert.Equal(new CurvePoint("loss", 5, 5), points[0]); // the mean of steps 1 to 9
    }

    [Fact]
    public void Of_Markup_EscapesValuesAndKeepsMarkup()
    {
        var inner = Html.Of($"<b>{"a<b"}</b>");
        Assert.Equal("<p title=\"&quot;\"><b>a&lt;b</b>1.5</p>", Html.Of($"<p title=\"{"\""}\">{inner}{1.5}</p>").Markup);
    }

    [GeneratedRegex("""<script[ >]""")]
    private static partial Regex Starts();

    [GeneratedRegex("""</script>""")]
    private static partial Regex Ends();

    [GeneratedRegex("""<script>.*?</script>""", RegexOptions.Singleline)]
    private static partial Regex Scripts();

    [GeneratedRegex("""(src|href)\s*=\s*["']?(https?:)?//|@import|url\(|<link""", RegexOptions.IgnoreCase)]
    private static partial Regex ExternalLoad();

    [GeneratedRegex("""<script type="application/json">(.*?)</script>""", RegexOptions.Singleline)]
    private static partial Regex ChartJson();

    private string Page(string? commit = null, string? sft = null)
    {
        RunExample.Write(_folder, Hostile, commit, sft);
        ReportWriter.Write(_folder.Path, _folder.File("report.html"));
        return File.ReadAllText(_folder.File("report.html"));
    }
}
