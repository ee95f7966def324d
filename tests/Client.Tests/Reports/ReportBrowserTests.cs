using System.Text.Json;
using System.Text.RegularExpressions;
using Rudder.Client.Reports;

namespace Rudder.Client.Tests.Reports;

/// <summary>The page in a real browser: it draws every chart, loads nothing, and fits a phone.</summary>
[Collection(Browser.Collection)]
public sealed partial class ReportBrowserTests : IDisposable
{
    // Measures the finished page and hands the result to the frame around it.
    private const string Probe = """
        <script>
        addEventListener("load", async () => {
          const figures = [...document.querySelectorAll("figure")];
          const inside = element => {
            const box = element.getBoundingClientRect(), frame = element.closest("figure").getBoundingClientRect();
            return box.width > 0 && box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
          };
          const titles = [...document.querySelectorAll(".xtitle, .ytitle")];
          const picture = await Plotly.toImage(figures[0].querySelector(".chart"), { format: "png", width: 600, height: 400 });
          const scroll = document.querySelector("#frontier .scroll");
          const result = {
            charts: figures.filter(figure => figure.querySelector(".main-svg .trace, .main-svg .scatter")).length,
            figures: figures.length,
            titles: titles.length,
            clipped: titles.filter(title => !inside(title)).map(title => title.textContent),
            requests: performance.getEntriesByType("resource").filter(entry => !/^(data|blob):/.test(entry.name)).length,
            png: picture.slice(0, 22),
            width: innerWidth,
            pageWidth: document.documentElement.scrollWidth,
            tableWidth: scroll.scrollWidth - scroll.clientWidth,
          };
          parent.postMessage(JSON.stringify(result), "*");
        });
        </script>
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1200)]
    [InlineData(390)]
    public async Task Write_PageInABrowser_DrawsEveryChartWithoutErrorsOrRequests(int width)
    {
        Assert.SkipWhen(Browser.Program is null, "no Chromium or Chrome on PATH");
        RunExample.Write(_folder, "text");
        ReportWriter.Write(_folder.Path, _folder.File("report.html"));
        string page = File.ReadAllText(_folder.File("report.html")).Replace("</body>", Probe + "</body>", StringComparison.Ordinal);
        _folder.Write("probe.html", page);
        string frame = _folder.Write(
            "frame.html",
            $"""
            <iframe src="probe.html" width="{width}" height="2000"></iframe>
            <script>addEventListener("message", message => document.body.append(Object.assign(document.createElement("pre"), {"{"} textContent: message.data {"}"})));</script>
            """
        );
        (string document, string[] console) = await Browser.OpenAsync(frame, _folder.File("profile"));

        Assert.Empty(console);
        Match found = Result().Match(document);
        Assert.True(found.Success, "the page's scripts did not finish");
        JsonElement result = JsonDocument.Parse(found.Groups[1].Value).RootElement;
        Assert.Equal(7, result.GetProperty("figures").GetInt32());
        Assert.Equal(7, result.GetProperty("charts").GetInt32());
        Assert.Equal(14, result.GetProperty("titles").GetInt32());
        Assert.Equal("[]", result.GetProperty("clipped").ToString());
        Assert.Equal(0, result.GetProperty("requests").GetInt32());
        Assert.Equal("data:image/png;base64,", result.GetProperty("png").GetString());
        Assert.Equal(width, result.GetProperty("width").GetInt32());
        Assert.True(result.GetProperty("pageWidth").GetInt32() <= width, $"the page is wider than {width} px: {result}");
        Assert.Equal(width < 600, result.GetProperty("tableWidth").GetInt32() > 0);
    }

    [GeneratedRegex("""<pre>(.*?)</pre>""", RegexOptions.Singleline)]
    private static partial Regex Result();
}
