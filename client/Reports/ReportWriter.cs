using Rudder.Client.Files;

namespace Rudder.Client.Reports;

/// <summary>Reads a run, writes its page.</summary>
internal static class ReportWriter
{
    /// <summary>Name of the page in the run's folder.</summary>
    public const string FileName = "report.html";

    /// <summary>Writes one self-contained HTML file.</summary>
    /// <param name="root">Folder of a finished run.</param>
    /// <param name="output">HTML file.</param>
    public static void Write(string root, string output) =>
        AtomicFile.WriteText(output, ReportPage.Render(ReportData.Read(root), ReportAssets.Load()).Markup);
}
