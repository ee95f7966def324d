using Grpc.Net.Client;
using Rudder.Client.Processes;
using Rudder.Inference.V1;
using Rudder.Tests;

namespace Rudder.EndToEnd.Tests;

/// <summary>An experiment against a service that was running before it: client run --service.</summary>
public sealed class RunningServiceTests(TinyModels models)
{
    [Fact]
    public async Task Run_AgainstARunningService_LeavesItRunningWithoutItsModels()
    {
        string address = $"http://127.0.0.1:{FreePort.Find()}";
        var ledger = new ProcessLedger(models.File("running.json"), _ => { });
        (string program, string[] arguments) = ProgramStart.Command(
            Programs.Find("InferenceService", "inference-service"),
            ["--urls", address, "--Service:ModelRoots:0=" + models.Folder]
        );
        await using var service = ChildProcess.Start(
            program,
            arguments,
            models.File("running.log"),
            ledger,
            _ => { }
        );
        var served = new TinyExperiment(models, "served");
        var whole = new TinyExperiment(models, "own-service");

        // Killed while the service works for it, its models stay there; the next run takes them over.
        await served.KillAtAsync("pairs: ", address);
        Assert.Equal(2, (await ModelsAsync(address)).Count); // reference and classifier
        (int exit, _, string error) = await served.RunAsync(service: address);
        Assert.True(exit == 0, error);
        (int own, _, string trouble) = await whole.RunAsync();
        Assert.True(own == 0, trouble);

        Assert.DoesNotContain("starting the service", error, StringComparison.Ordinal);
        Assert.Empty(await ModelsAsync(address));
        Assert.Equal(whole.Summary["policies"]!.ToJsonString(), served.Summary["policies"]!.ToJsonString());
        await service.StopAsync();
        Assert.Equal(0, await service.WaitAsync(TestContext.Current.CancellationToken));
    }

    private static async Task<IReadOnlyList<ModelInfo>> ModelsAsync(string address)
    {
        using var channel = GrpcChannel.ForAddress(address);
        ListModelsResponse response = await new Models.ModelsClient(channel).ListAsync(
            new ListModelsRequest(),
            cancellationToken: TestContext.Current.CancellationToken
        );
        return response.Models;
    }
}
