using System.Diagnostics;
using System.Text.Json.Nodes;
using Grpc.Core;
using Grpc.Net.Client;
using Rudder.Client.Processes;
using Rudder.Inference.V1;
using Rudder.Tests;

namespace Rudder.EndToEnd.Tests;

/// <summary>On-policy runs whose completions a running service draws.</summary>
public sealed class ServiceRolloutTests(TinyModels models)
{
    private const string Key = "trainer-key-0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("grpo", "\"max_steps\": 6, \"batch\": {\"prompts\": 4, \"samples\": 3}, \"iterations\": 2")]
    [InlineData("reinforce", "\"max_steps\": 6, \"batch\": {\"prompts\": 8}")]
    public async Task Run_ThroughAService_DrawsTheTokensOfTheRunInProcess(string command, string batch)
    {
        string name = "rollouts-" + command, address = Address();
        await using ChildProcess service = await StartAsync(address, name, models.Folder);
        await TrainAsync(command, name + "-here", batch, "{}");
        await TrainAsync(command, name, batch, $$"""{"engine": "service", "service": "{{address}}"}""");

        Assert.Equal(Lines(name + "-here", "samples.jsonl", "prompt", "completion", "reward"), Lines(name, "samples.jsonl", "prompt", "completion", "reward"));
        double[] here = Metric(name + "-here", "loss"), there = Metric(name, "loss");
        Assert.Equal(6, here.Length);
        Assert.All(here.Zip(there), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.True(here.Distinct().Count() > 1, "the policy should change from step to step");
        Assert.All(Metric(name, "rollout/logp_gap_max"), gap => Assert.InRange(gap, 0, 1e-4));
        Assert.Equal(Metric(name + "-here", "eval/kl/seq_exact"), Metric(name, "eval/kl/seq_exact"));
        Assert.False(Directory.Exists(models.File(name, "rollouts")));
        Assert.Empty(await LoadedAsync(address)); // unloaded at the end
        await service.StopAsync();
    }

    /// <summary>Killed after the second step, the service leaves a run that stops; the resumed run, in process or through a new service, ends alike.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_ServiceGoesAway_StopsWithExitCode3AndResumesExactly(bool inProcess)
    {
        string name = inProcess ? "rollouts-away-here" : "rollouts-away-there", address = Address();
        const string Batch = "\"batch\": {\"prompts\": 8}, \"max_steps\": 20";
        string rollouts = $$"""{"engine": "service", "service": "{{address}}", "retries": 1, "timeout_seconds": 60}""";
        await TrainAsync("reinforce", name + "-whole", Batch, "{}");
        Write(name, Batch, rollouts);
        string error;
        await using (ChildProcess service = await StartAsync(address, name, models.Folder))
        {
            Task stopped = Task.CompletedTask;
            (int exit, _, string said) = await Programs.RunAsync(
                Trainer, models.Folder, $"reinforce --recipe {name}.json --output {name}", onStart: run => stopped = StopAfterStepAsync(name, service, run));
            await stopped;
            Assert.True(exit == 3, $"exit {exit}: {said}");
            error = said;
        }

        Assert.Contains($"The service at {address}/ does not answer (Unavailable", error, StringComparison.Ordinal);
        Assert.Contains($"of 20; saved. Continue with: trainer reinforce --resume {name}", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(models.File(name, "model")));
        int steps = Metric(name, "loss").Length;
        Assert.True(Directory.Exists(models.File(name, "checkpoints", $"step-{steps}")));

        await using (ChildProcess? again = inProcess ? null : await StartAsync(address, name + "-2", models.Folder))
        {
            (int code, _, string problem) = await Programs.RunAsync(
                Trainer, models.Folder, $"reinforce --resume {name}{(inProcess ? " --set rollouts={}" : string.Empty)}");
            Assert.True(code == 0, problem);
        }

        Assert.Equal(File.ReadAllBytes(models.File(name + "-whole", "model", "model.safetensors")), File.ReadAllBytes(models.File(name, "model", "model.safetensors")));
    }

    [Fact]
    public async Task Run_ServiceStartedAnewWhileAway_GetsThePolicyAgain()
    {
        string name = "rollouts-anew", address = Address();
        const string Batch = "\"batch\": {\"prompts\": 8}, \"max_steps\": 20";
        Write(name, Batch, $$"""{"engine": "service", "service": "{{address}}", "retries": 50}""");
        ChildProcess first = await StartAsync(address, name, models.Folder);
        ChildProcess? second = null;
        Task restart = Task.CompletedTask;
        (int exit, _, string error) = await Programs.RunAsync(Trainer, models.Folder, $"reinforce --recipe {name}.json --output {name}", onStart: run => restart = RestartAsync(run));
        await restart;
        Assert.True(exit == 0, error);
        Assert.Equal(20, Metric(name, "loss").Length);
        Assert.NotNull(second);
        await first.DisposeAsync();
        await second!.DisposeAsync();

        async Task RestartAsync(Process run)
        {
            await StopAfterStepAsync(name, first, run);
            second = await StartAsync(address, name + "-2", models.Folder);
        }
    }

    /// <summary>Another program puts its own weights under the run's name: the run stops instead of learning from another policy's completions.</summary>
    [Fact]
    public async Task Run_OtherWeightsUnderItsName_StopsWithExitCode3()
    {
        string name = "rollouts-other", address = Address();
        Write(name, "\"batch\": {\"prompts\": 8}, \"max_steps\": 200", $$"""{"engine": "service", "service": "{{address}}"}""");
        await using ChildProcess service = await StartAsync(address, name, models.Folder);
        Directory.CreateDirectory(models.File(name + "-model"));
        foreach (string file in Directory.GetFiles(models.File("policy", "model")))
        {
            File.Copy(file, models.File(name + "-model", Path.GetFileName(file)));
        }

        (int exported, _, string problem) = await Programs.RunAsync(Trainer, models.Folder, $"export --model {name}-model");
        Assert.True(exported == 0, problem);
        using var ended = new CancellationTokenSource();
        Task others = LoadOthersAsync(ended.Token);
        (int exit, _, string error) = await Programs.RunAsync(Trainer, models.Folder, $"reinforce --recipe {name}.json --output {name}");
        await ended.CancelAsync();
        await others;
        Assert.True(exit == 3, $"exit {exit}: {error}");
        Assert.Contains($"under '{name}-policy'; the policy after step ", error, StringComparison.Ordinal);
        Assert.Contains("Another program likely loads models under this name.", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(models.File(name, "model")));
        await service.StopAsync();

        async Task LoadOthersAsync(CancellationToken stop)
        {
            using var channel = GrpcChannel.ForAddress(address);
            var other = new LoadModelRequest { Name = name + "-policy", Path = models.File(name + "-model") };
            while (!stop.IsCancellationRequested)
            {
                if ((await LoadedAsync(address)).Any(model => model.Name == other.Name))
                {
                    await new Models.ModelsClient(channel).LoadAsync(other);
                }

                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
            }
        }
    }

    [Fact]
    public async Task Run_FolderOutsideTheModelRoots_IsRefusedNamingThem()
    {
        string address = Address(), name = "rollouts-outside";
        await using ChildProcess service = await StartAsync(address, name, models.File("policy"));
        string error = await RefusedAsync(name, $$"""{"engine": "service", "service": "{{address}}"}""");
        Assert.Contains("leads out of the service's model roots", error, StringComparison.Ordinal);
        Assert.Contains("Service:ModelRoots", error, StringComparison.Ordinal);
        await service.StopAsync();
    }

    [Fact]
    public async Task Run_ServiceWithKeys_NeedsAnAdmins()
    {
        string address = Address(), name = "rollouts-keys", keys = models.File("rollout-keys.json"), own = models.File("rollout-key.txt");
        await WriteKeyAsync(keys, admin: false);
        await File.WriteAllTextAsync(own, Key + "\n");
        await using ChildProcess service = await StartAsync(address, name, models.Folder, $"--Service:ApiKeysFile={keys}");

        string none = await RefusedAsync(name + "-none", $$"""{"engine": "service", "service": "{{address}}"}""");
        Assert.Contains("Unauthenticated", none, StringComparison.Ordinal);
        Assert.Contains("rollouts.api_key_file", none, StringComparison.Ordinal);
        string plain = await RefusedAsync(name + "-plain", $$"""{"engine": "service", "service": "{{address}}", "api_key_file": "{{own}}"}""");
        Assert.Contains("PermissionDenied", plain, StringComparison.Ordinal);
        string missing = await RefusedAsync(name + "-missing", $$"""{"engine": "service", "service": "{{address}}", "api_key_file": "no-such-key"}""");
        Assert.Contains("no-such-key cannot be read", missing, StringComparison.Ordinal);
        await service.StopAsync();
    }

    private static string Trainer => Programs.Find("Trainer", "trainer");

    private static string Address() => $"http://127.0.0.1:{FreePort.Find()}";

    /// <summary>Kills the service once the log holds two steps.</summary>
    private async Task StopAfterStepAsync(string run, ChildProcess service, Process trainer)
    {
        string metrics = models.File(run, "metrics.jsonl");
        while (!trainer.HasExited && (!File.Exists(metrics) || ReadShared(metrics).Count(letter => letter == '\n') < 2))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }

        await service.StopAsync();
    }

    private static string ReadShared(string path)
    {
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }

    private async Task<string> RefusedAsync(string name, string rollouts)
    {
        Write(name, "\"batch\": {\"prompts\": 8}", rollouts);
        (int exit, _, string error) = await Programs.RunAsync(Trainer, models.Folder, $"reinforce --recipe {name}.json --output {name}");
        Assert.True(exit == 2, $"exit {exit}: {error}");
        Assert.False(Directory.Exists(models.File(name, "checkpoints")) || Directory.Exists(models.File(name, "rollouts")));
        return error;
    }

    private static async Task WriteKeyAsync(string path, bool admin)
    {
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(Key)));
        await File.WriteAllTextAsync(path, $$"""{"keys": [{"name": "trainer", "sha256": "{{hash}}", "admin": {{(admin ? "true" : "false")}}}]}""");
    }

    private async Task<ChildProcess> StartAsync(string address, string name, string root, params string[] more)
    {
        (string program, string[] arguments) = ProgramStart.Command(
            Programs.Find("InferenceService", "inference-service"), ["--urls", address, "--Service:ModelRoots:0=" + root, .. more]);
        var service = ChildProcess.Start(program, arguments, models.File(name + "-service.log"), new ProcessLedger(models.File(name + "-service.json"), _ => { }), _ => { });
        using var channel = GrpcChannel.ForAddress(address);
        try
        {
            await new Models.ModelsClient(channel).ListAsync(new ListModelsRequest(), new CallOptions(cancellationToken: TestContext.Current.CancellationToken).WithWaitForReady());
        }
        catch (RpcException refused) when (refused.StatusCode == StatusCode.Unauthenticated)
        {
            // It runs, and wants a key.
        }

        return service;
    }

    private static async Task<IReadOnlyList<ModelInfo>> LoadedAsync(string address)
    {
        using var channel = GrpcChannel.ForAddress(address);
        return (await new Models.ModelsClient(channel).ListAsync(new ListModelsRequest())).Models;
    }

    private async Task TrainAsync(string command, string name, string batch, string rollouts)
    {
        Write(name, batch, rollouts);
        (int exit, _, string error) = await Programs.RunAsync(Trainer, models.Folder, $"{command} --recipe {name}.json --output {name}");
        Assert.True(exit == 0, error);
    }

    private void Write(string name, string batch, string rollouts) => File.WriteAllText(models.File(name + ".json"), $$"""
        {
          "name": "tiny", "threads": 1, "model": "policy/model", "prompts": {"files": ["reviews.jsonl"], "min_tokens": 2, "max_tokens": 4, "held_out": 6},
          "max_new_tokens": 6, "rewards": [{"name": "letter", "kind": "regex", "pattern": "e", "max_matches": 9}], {{batch}}, "rollouts": {{rollouts}},
          "optimizer": {"learning_rate": 0.01}, "schedule": {"name": "constant"}, "evaluate_every": 3, "checkpoint_every": 0, "sample_every": 1,
          "export": {"fp32": false}
        }
        """);

    private string[] Lines(string run, string file, params string[] keys) =>
        [.. File.ReadLines(models.File(run, file)).Select(line => JsonNode.Parse(line)!).Select(line => string.Join(' ', keys.Select(key => line[key]!.ToJsonString())))];

    /// <summary>A metric of each training step, or, with <c>eval/</c> before it, of each evaluation.</summary>
    private double[] Metric(string run, string metric)
    {
        bool evaluation = metric.StartsWith("eval/", StringComparison.Ordinal);
        return
        [
            .. ReadShared(models.File(run, "metrics.jsonl")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)
                .Where(line => (string)line["split"]! == (evaluation ? "eval" : "train"))
                .Select(line => (double)line[evaluation ? metric["eval/".Length..] : metric]!),
        ];
    }
}
