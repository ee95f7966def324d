using Rudder.Client.Experiments;
using Rudder.Client.Files;
using Rudder.Client.Reports;
using Rudder.Client.Tests.Reports;

namespace Rudder.Client.Tests.Experiments;

/// <summary>The end of a run: summary.json, by which a run counts as finished, stands only beside all the rest.</summary>
public sealed class RunResultsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public RunResultsTests() => RunExample.Write(folder, "text");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Write_FinishedStages_LeavesReportAndSummary()
    {
        (RunEnvironment environment, RunManifest manifest, Summary summary) = Results();
        File.Delete(folder.File(Summary.FileName));
        RunResults.Write(folder.Path, environment, manifest, summary);
        Assert.True(File.Exists(folder.File(ReportWriter.FileName)));
        Assert.True(File.Exists(folder.File(FrontierPicture.FileName)));
        Assert.Equal("example", StrictJson.Read<Summary>(folder.File(Summary.FileName)).Experiment);
    }

    [Fact]
    public void Write_ReportThatCannotBeWritten_LeavesNoSummary()
    {
        (RunEnvironment environment, RunManifest manifest, Summary summary) = Results();
        File.Delete(folder.File(Summary.FileName));
        Directory.CreateDirectory(folder.File(ReportWriter.FileName, "in-the-way"));
        Assert.ThrowsAny<Exception>(() => RunResults.Write(folder.Path, environment, manifest, summary));
        Assert.False(File.Exists(folder.File(Summary.FileName)));
    }

    private (RunEnvironment Environment, RunManifest Manifest, Summary Summary) Results() =>
        (
            StrictJson.Read<RunEnvironment>(folder.File(RunEnvironment.FileName)),
            StrictJson.Read<RunManifest>(folder.File(RunManifest.FileName)),
            StrictJson.Read<Summary>(folder.File(Summary.FileName))
        );
}
