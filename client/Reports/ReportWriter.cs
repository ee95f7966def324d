using Rudder.Client.Files;
using Rudder.Client.Forecasts;
using Rudder.Client.Runs;

namespace Rudder.Client.Reports;

/// <summary>Reads a run, writes its page.</summary>
internal static class ReportWriter
{
    /// <summary>Name of the page in the run's folder.</summary>
    public const string FileName = "report.html";

    private const string Extension = ".html";

    /// <summary>Writes one self-contained HTML file about a finished run, and the frontier as a picture beside it.</summary>
    public static void Write(string root, string output)
    {
        if (!WriteForecast(root, output))
        {
            Write(ReportData.Read(root), output);
        }
    }

    /// <summary>Writes the page before summary.json exists.</summary>
    public static void Write(string root, string output, RunSummary summary)
    {
        if (!WriteForecast(root, output))
        {
            Write(ReportData.Read(root, summary), output);
        }
    }

    /// <summary>Picture of a page: frontier.svg beside report.html, PAGE.frontier.svg beside PAGE.html; pages share no picture.</summary>
    public static string PicturePath(string output)
    {
        string page = Path.GetFileName(output);
        string name = page.EndsWith(Extension, StringComparison.Ordinal) ? page[..^Extension.Length] : page;
        string picture = page == FileName ? FrontierPicture.FileName : $"{name}.{FrontierPicture.FileName}";
        return Path.Combine(Path.GetDirectoryName(Path.GetFullPath(output))!, picture);
    }

    /// <summary>Writes the page of a run that scored forecasts; false for other runs.</summary>
    private static bool WriteForecast(string root, string output)
    {
        string forecast = ForecastResult.PathIn(root);
        if (!File.Exists(forecast))
        {
            return false;
        }

        ForecastPage.Write(StrictJson.Read<ForecastResult>(forecast), output);
        return true;
    }

    private static void Write(ReportData data, string output)
    {
        AtomicFile.WriteText(output, ReportPage.Render(data).Markup);
        AtomicFile.WriteText(PicturePath(output), FrontierPicture.Render(data).Markup + "\n");
    }
}
