using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Rudder.EndToEnd.Tests;

/// <summary>One run of the tiny experiment by the real client, in a folder of its own.</summary>
/// <param name="models">The models, and the current folder of the client.</param>
/// <param name="runs">Name of the folder of runs.</param>
internal sealed class TinyExperiment(TinyModels models, string runs)
{
    /// <summary>True once the run has its summary.</summary>
    public bool Finished => File.Exists(PathOf("summary.json"));

    /// <summary>The run's summary.json.</summary>
    public JsonNode Summary => JsonNode.Parse(File.ReadAllText(PathOf("summary.json")))!;

    /// <summary>A path in the run's folder.</summary>
    public string PathOf(params string[] parts) => models.File([runs, "tiny-demo", .. parts]);

    /// <summary>Runs or continues the experiment.</summary>
    /// <param name="onLine">Told of each line of stderr.</param>
    /// <param name="onStart">Told of the process.</param>
    /// <param name="service">Address of a running service; null lets the client start its own.</param>
    public Task<(int Exit, string Output, string Error)> RunAsync(
        Action<string, Process>? onLine = null,
        Action<Process>? onStart = null,
        string? service = null
    ) =>
        Programs.RunAsync(
            Programs.Find("Client", "client"),
            models.Folder,
            $"run experiment.json --variant demo --runs {runs}{(service is null ? "" : " --service " + service)}",
            onLine,
            onStart
        );

    /// <summary>What the client says it would run, as JSON; it must start nothing.</summary>
    public async Task<JsonNode> PlanAsync()
    {
        (int exit, string output, string error) = await Programs.RunAsync(
            Programs.Find("Client", "client"), models.Folder, $"run experiment.json --variant demo --runs {runs} --plan --json");
        Assert.True(exit == 0, error);
        return JsonNode.Parse(output)![0]!;
    }

    /// <summary>kill -9 of the client alone, as soon as it says a line that begins so; what it has started lives on until the next run stops it.</summary>
    /// <param name="beginning">Start of a line other than the announcement that a stage starts.</param>
    /// <param name="service">Address of a running service, or null.</param>
    public async Task KillAtAsync(string beginning, string? service = null)
    {
        bool killed = false;
        (int exit, _, string error) = await RunAsync(
            (line, client) =>
            {
                if (!killed && line.StartsWith(beginning, StringComparison.Ordinal) && !line.EndsWith("starting", StringComparison.Ordinal))
                {
                    killed = true;
                    client.Kill();
                }
            },
            service: service
        );
        Assert.True(killed && exit != 0, error);
        Assert.False(Finished);
    }
}
