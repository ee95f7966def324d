using System.Reflection;

namespace Rudder.Client.Reports;

/// <summary>Style and scripts that are written into the page, so that it needs no network.</summary>
internal static class PageAssets
{
    private static readonly Assembly Plotly = typeof(Plotly.NET.Defaults).Assembly;

    /// <summary>The page's CSS.</summary>
    public static string Style { get; } = Read(typeof(PageAssets).Assembly, "report.css");

    /// <summary>The page's own script; it draws the charts.</summary>
    public static string Script { get; } = Read(typeof(PageAssets).Assembly, "report.js");

    /// <summary>plotly.js, which the Plotly.NET package carries as an embedded resource.</summary>
    public static string ChartLibrary { get; } =
        Read(Plotly, Plotly.GetManifestResourceNames().Single(name => name.EndsWith(".min.js", StringComparison.Ordinal)));

    private static string Read(Assembly assembly, string name)
    {
        using StreamReader reader = new(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
