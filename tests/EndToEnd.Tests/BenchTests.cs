using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Rudder.Client.Processes;
using Rudder.Tests;

namespace Rudder.EndToEnd.Tests;

/// <summary><c>client bench</c> against a real service, over both of its APIs.</summary>
public sealed class BenchTests(TinyModels models) : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);
    private readonly string _grpc = $"http://127.0.0.1:{FreePort.Find()}";
    private readonly string _http = $"http://127.0.0.1:{FreePort.Find()}";
    private ChildProcess? _service;

    public async ValueTask InitializeAsync()
    {
        string model = models.File("bench", "policy");
        if (!Directory.Exists(model))                        // one export for all tests of the class
        {
            await ExportAsync(model);
        }

        TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        (string program, string[] arguments) = ProgramStart.Command(
            Programs.Find("InferenceService", "inference-service"),
            ["--urls", _grpc, "--http-urls", _http, "--Service:Models:0:Name=policy", "--Service:Models:0:Path=" + model]);
        _service = ChildProcess.Start(
            program, arguments, models.File("bench", "service.log"), new ProcessLedger(models.File("bench", "service.json"), _ => { }),
            line => { _ = line.StartsWith("HTTP on", StringComparison.Ordinal) && ready.TrySetResult(); });
        await ready.Task.WaitAsync(Limit);
    }

    public async ValueTask DisposeAsync()
    {
        if (_service is not null)
        {
            await _service.DisposeAsync();
        }
    }

    [Fact]
    public async Task Bench_BothApis_DrawTheSameTokensAndMeasureThem()
    {
        const string Same = "--model policy --in-flight 3 --prompt-tokens 2-6 --vocabulary 256 --max-new-tokens 4-12 --count 9 --warm-up 2 --json";
        JsonNode grpc = await LoadAsync($"--service {_grpc} {Same}");
        JsonNode openAi = await LoadAsync($"--service {_http} --api openai {Same}");
        foreach (JsonNode load in new[] { grpc, openAi })
        {
            Assert.Equal((9.0, 0.0, 0.0), (Number(load, "succeeded"), Number(load, "failed"), Number(load, "without_usage")));
            Assert.InRange(Number(load, "prompt_tokens"), 9 * 2, 9 * 6);
            Assert.InRange(Number(load, "completion_tokens"), 9, 9 * 12);
            Assert.InRange(Number(load["ttft_ms"]!, "p50"), double.Epsilon, Number(load["latency_ms"]!, "max"));
        }

        // The same seed makes the same requests, and the same requests draw the same tokens over both APIs.
        Assert.Equal(Number(grpc, "prompt_tokens"), Number(openAi, "prompt_tokens"));
        Assert.Equal(Number(grpc, "completion_tokens"), Number(openAi, "completion_tokens"));
        Assert.InRange(Number(grpc["tpot_ms"]!, "p50"), double.Epsilon, Number(grpc["latency_ms"]!, "max"));
    }

    [Fact]
    public async Task Bench_Terminated_ReportsWhatItMeasured()
    {
        (int exit, string output, string error) = await Programs.RunAsync(
            Programs.Find("Client", "client"),
            models.Folder,
            $"bench --service {_grpc} --model policy --rate 2 --prompt-tokens 4 --max-new-tokens 4 --warm-up 0 --duration 600 --json",
            (line, client) =>
            {
                if (line.StartsWith("bench at 2/s", StringComparison.Ordinal))
                {
                    Process.Start("kill", ["-TERM", client.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();
                }
            });
        Assert.True(exit == 130, error);
        JsonNode result = JsonNode.Parse(output)!;
        Assert.False(result["complete"]!.GetValue<bool>());
        Assert.InRange(Number(Assert.Single(result["loads"]!.AsArray())!, "succeeded"), 1, 20);
    }

    private async Task ExportAsync(string model)
    {
        Directory.CreateDirectory(model);
        foreach (string file in Directory.GetFiles(models.File("policy", "model")))
        {
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        }

        (int exit, _, string error) = await Programs.RunAsync(
            Programs.Find("Trainer", "trainer"), models.Folder, $"export --model {model}");
        Assert.True(exit == 0, error);
    }

    private async Task<JsonNode> LoadAsync(string arguments)
    {
        (int exit, string output, string error) = await Programs.RunAsync(
            Programs.Find("Client", "client"), models.Folder, "bench " + arguments);
        Assert.True(exit == 0, error);
        return Assert.Single(JsonNode.Parse(output)!["loads"]!.AsArray())!;
    }

    private static double Number(JsonNode node, string key) => node[key]!.GetValue<double>();
}
