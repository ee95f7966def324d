using System.Text.Json.Nodes;
using Grpc.Net.Client;
using Rudder.Client.Processes;
using Rudder.Inference.V1;
using Rudder.Tests;

namespace Rudder.EndToEnd.Tests;

/// <summary>A reward from a running service: <c>trainer reinforce</c> asks the service's <c>Scoring.Classify</c>.</summary>
public sealed class ServiceRewardTests(TinyModels models)
{
    [Fact]
    public async Task Reinforce_RewardOfAService_EqualsTheRewardOfTheFolder()
    {
        Directory.CreateDirectory(models.File("served-classifier"));
        foreach (string file in Directory.GetFiles(models.File("classifier", "model")))
        {
            File.Copy(file, models.File("served-classifier", Path.GetFileName(file)));
        }

        await TrainerAsync("export --model served-classifier");
        string address = $"http://127.0.0.1:{FreePort.Find()}";
        (string program, string[] arguments) = ProgramStart.Command(
            Programs.Find("InferenceService", "inference-service"), ["--urls", address, "--Service:ModelRoots:0=" + models.Folder]);
        await using var service = ChildProcess.Start(
            program, arguments, models.File("reward-service.log"), new ProcessLedger(models.File("reward-service.json"), _ => { }), _ => { });
        await LoadAsync(address, "sentiment", models.File("served-classifier"));

        double[] remote = await RewardsAsync("remote", $$"""{"name":"r","kind":"service","url":"{{address}}","model":"sentiment"}""");
        double[] local = await RewardsAsync("local", """{"name":"r","kind":"classifier","model":"classifier/model"}""");

        Assert.Equal(3, local.Length);
        Assert.All(remote.Zip(local), pair => Assert.Equal(pair.First, pair.Second, 1e-6)); // batches differ, and with them the last bits
        await service.StopAsync();
        Assert.Equal(0, await service.WaitAsync(TestContext.Current.CancellationToken));
    }

    private async Task<double[]> RewardsAsync(string name, string reward)
    {
        await File.WriteAllTextAsync(models.File(name + "-reinforce.json"), $$"""
            {
              "name": "tiny", "threads": 1, "model": "policy/model", "prompts": {"files": ["reviews.jsonl"], "min_tokens": 2, "max_tokens": 4},
              "max_new_tokens": 6, "rewards": [{{reward}}], "batch": {"prompts": 8}, "max_steps": 3, "evaluate_every": 0, "export": {"fp32": false}
            }
            """);
        await TrainerAsync($"reinforce --recipe {name}-reinforce.json --output {name}-reinforce");
        return [.. File.ReadLines(models.File(name + "-reinforce", "metrics.jsonl")).Select(line => (double)JsonNode.Parse(line)!["reward/r"]!)];
    }

    private async Task TrainerAsync(string arguments)
    {
        (int exit, _, string error) = await Programs.RunAsync(Programs.Find("Trainer", "trainer"), models.Folder, arguments);
        Assert.True(exit == 0, error);
    }

    /// <summary>Loads a model once the service answers.</summary>
    private static async Task LoadAsync(string address, string name, string folder)
    {
        using var channel = GrpcChannel.ForAddress(address);
        var loading = new Models.ModelsClient(channel);
        var request = new LoadModelRequest { Name = name, Path = folder };
        await loading.LoadAsync(request, new Grpc.Core.CallOptions(cancellationToken: TestContext.Current.CancellationToken).WithWaitForReady());
    }
}
