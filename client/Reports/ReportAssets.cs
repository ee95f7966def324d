namespace Rudder.Client.Reports;

/// <summary>Scripts and style that are written into the page, so that it needs no network.</summary>
/// <param name="Style">CSS.</param>
/// <param name="Scripts">Vega, Vega-Lite, Vega-Embed and the page's own script, in this order.</param>
internal sealed record ReportAssets(string Style, IReadOnlyList<string> Scripts)
{
    private const string EndOfScript = "</script";

    /// <summary>Reads them from beside this program, where the build has put them.</summary>
    public static ReportAssets Load()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "report-assets");
        return new ReportAssets(
            Read(folder, "report.css"),
            [Read(folder, "vega.min.js"), Read(folder, "vega-lite.min.js"), Read(folder, "vega-embed.min.js"), Read(folder, "report.js")]
        );
    }

    private static string Read(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        string text = File.Exists(path)
            ? File.ReadAllText(path)
            : throw new WorkFailedException($"{path} is missing; build the client again (it fetches the chart library from npm).");
        return text.Contains(EndOfScript, StringComparison.OrdinalIgnoreCase)
            ? throw new WorkFailedException(
                $"{path} holds '{EndOfScript}', which would end the script inside the page; use another version of it."
            )
            : text;
    }
}
