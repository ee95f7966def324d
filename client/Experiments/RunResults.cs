using Rudder.Client.Files;
using Rudder.Client.Reports;
using Rudder.Client.Runs;

namespace Rudder.Client.Experiments;

/// <summary>Writes what a run leaves at its end, summary.json last: where it stands, all the rest stands too.</summary>
internal static class RunResults
{
    /// <summary>Writes environment.json, run.json, report.html with its picture, and summary.json.</summary>
    /// <param name="root">Folder of the run.</param>
    /// <param name="environment">Machine and versions.</param>
    /// <param name="manifest">What the run consists of.</param>
    /// <param name="summary">Its result.</param>
    public static void Write(string root, MachineInfo environment, RunManifest manifest, RunSummary summary)
    {
        AtomicFile.WriteText(Path.Combine(root, MachineInfo.FileName), StrictJson.Format(environment));
        AtomicFile.WriteText(Path.Combine(root, RunManifest.FileName), StrictJson.Format(manifest));
        ReportWriter.Write(root, Path.Combine(root, ReportWriter.FileName), summary);
        AtomicFile.WriteText(Path.Combine(root, RunSummary.FileName), StrictJson.Format(summary));
    }
}
