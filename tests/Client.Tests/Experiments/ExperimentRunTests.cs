using Rudder.Client.Experiments;
using Rudder.Client.Files;
using Rudder.Client.Reports;
using Rudder.Client.Runs;
using Rudder.Client.Tests.Reports;

namespace Rudder.Client.Tests.Experiments;

/// <summary>The end of a run: summary.json, by which a run counts as finished, stands only beside all the rest.</summary>
public sealed class ExperimentRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ExperimentRunTests() => RunExample.Write(_folder, "text");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_FinishedStages_LeavesReportAndSummary()
    {
        (MachineInfo environment, RunManifest manifest, RunSummary summary) = Results();
        File.Delete(_folder.File(RunSummary.FileName));
        ExperimentRun.WriteResults(_folder.Path, environment, manifest, summary);
        Assert.True(File.Exists(_folder.File(ReportWriter.FileName)));
        Assert.True(File.Exists(_folder.File(FrontierPicture.FileName)));
        Assert.Equal("example", StrictJson.Read<RunSummary>(_folder.File(RunSummary.FileName)).Experiment);
    }

    [Fact]
    public void Write_ReportThatCannotBeWritten_LeavesNoSummary()
    {
        (MachineInfo environment, RunManifest manifest, RunSummary summary) = Results();
        File.Delete(_folder.File(RunSummary.FileName));
        Directory.CreateDirectory(_folder.File(ReportWriter.FileName, "in-the-way"));
        Assert.ThrowsAny<SystemException>(() => ExperimentRun.WriteResults(_folder.Path, environment, manifest, summary));
        Assert.False(File.Exists(_folder.File(RunSummary.FileName)));
    }

    private (MachineInfo Environment, RunManifest Manifest, RunSummary Summary) Results() =>
        (
            StrictJson.Read<MachineInfo>(_folder.File(MachineInfo.FileName)),
            StrictJson.Read<RunManifest>(_folder.File(RunManifest.FileName)),
            StrictJson.Read<RunSummary>(_folder.File(RunSummary.FileName))
        );
}
