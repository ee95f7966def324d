using System.Text.Json.Nodes;
using Rudder.Client.Experiments;
using Rudder.Client.Reports;
using Rudder.Client.Runs;

namespace Rudder.Client.Tests.Experiments;

/// <summary>A whole run that needs no model: the scores of forecasts.</summary>
public sealed class ForecastRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Run_Forecasts_LeavesScoresReportAndSummary()
    {
        RunSummary summary = (await RunAsync(StageSelection.All))!;
        Assert.Equal("weather", summary.Experiment);
        Assert.Empty(summary.Policies);
        JsonNode scores = JsonNode.Parse(File.ReadAllText(_folder.File("weather-mini", "forecast", "forecast.json")))!;
        Assert.Equal(0.25, scores["brier"]!.GetValue<double>(), 12);
        Assert.True(File.Exists(_folder.File("weather-mini", "summary.json")));
        string page = File.ReadAllText(_folder.File("weather-mini", "report.html"));
        Assert.Contains("Brier score", page, StringComparison.Ordinal);
        ReportWriter.Write(_folder.File("weather-mini"), _folder.File("again.html")); // client report
        Assert.Equal(page, File.ReadAllText(_folder.File("again.html")));
    }

    [Fact]
    public async Task Run_OnlyOneStage_LeavesNoSummary()
    {
        await RunAsync(StageSelection.All);
        Assert.Null(await RunAsync(new StageSelection(Only: "forecast")));
        Assert.False(File.Exists(_folder.File("weather-mini", "summary.json")));
    }

    [Fact]
    public async Task Run_FileAway_NamesItAndTheStage()
    {
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() => RunAsync(StageSelection.All, forecasts: null));
        Assert.Contains("forecasts.csv does not exist; stage forecast reads it", error.Message, StringComparison.Ordinal);
    }

    private Task<RunSummary?> RunAsync(StageSelection stages, string? forecasts = "probability,outcome\n0.5,1\n0.5,0\n")
    {
        string path = _folder.File("forecasts.csv");
        if (forecasts is not null)
        {
            _folder.Write("forecasts.csv", forecasts);
        }

        string file = _folder.Write(
            "experiment.json",
            new JsonObject
            {
                ["name"] = "weather",
                ["title"] = "Weather",
                ["description"] = "Rain or not.",
                ["variants"] = new JsonObject
                {
                    ["mini"] = new JsonObject { ["description"] = "small", ["forecast"] = new JsonObject { ["file"] = path } },
                },
            }.ToJsonString());
        ExperimentRequest request = new(file, "mini", _folder.Path, null, null, null, null) { Stages = stages };
        return ExperimentHost.RunAsync(request, Quiet.Display, TimeProvider.System, CancellationToken.None);
    }
}
