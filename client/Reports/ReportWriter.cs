using Rudder.Client.Files;

namespace Rudder.Client.Reports;

/// <summary>Reads a run, writes its page.</summary>
internal static class ReportWriter
{
    /// <summary>Name of the page in the run's folder.</summary>
    public const string FileName = "report.html";

    /// <summary>Writes one self-contained HTML file, and the frontier as a picture beside it.</summary>
    /// <param name="root">Folder of a finished run.</param>
    /// <param name="output">HTML file.</param>
    public static void Write(string root, string output)
    {
        ReportData data = ReportData.Read(root);
        AtomicFile.WriteText(output, ReportPage.Render(data, ReportAssets.Load()).Markup);
        string picture = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(output))!, FrontierPicture.FileName);
        AtomicFile.WriteText(picture, FrontierPicture.Render(data).Markup + "\n");
    }
}
