using Grpc.Health.V1;
using Grpc.Net.Client;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests;

/// <summary>SIGKILL and a restart: the same models are ready again, by fingerprint, and a changed model is refused.</summary>
public sealed class RestartTests : IDisposable
{
    private const int KilledExit = 128 + ServiceProcess.KillAtOnce;
    private const int BadInput = 2;
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-restart-").FullName;
    private readonly string[] _line;

    public RestartTests() => _line =
    [
        "--urls=http://127.0.0.1:0",
        "--Service:Threads=1",
        .. RunningService.Model(0, "policy", ModelCopies.Plain("tiny-gpt2", Path.Combine(_folder, "policy"))),
        .. RunningService.Model(1, "sentiment", ModelCopies.Plain("tiny-roberta", Path.Combine(_folder, "sentiment"))),
    ];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Start_AfterAKillInMidStream_ServesTheSameModels()
    {
        string before, ids;
        using (var killed = ServiceProcess.Start(_line))
        {
            using var channel = await ChannelAsync(killed);
            before = await ModelsAsync(channel);
            ids = await SampleAsync(channel);
            var client = new Inference.V1.Sampling.SamplingClient(channel);
            using var call = client.SampleStream(new SampleRequest { Model = "policy", Prompts = { Golden.Prompt(1) }, N = 64 });
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
            killed.Signal(ServiceProcess.KillAtOnce);
            Assert.Equal(KilledExit, (await killed.EndAsync()).Code);
        }

        long start = TimeProvider.System.GetTimestamp();
        using var service = ServiceProcess.Start(_line);
        using var again = await ChannelAsync(service);
        var health = await new Health.HealthClient(again).CheckAsync(new HealthCheckRequest());
        TestContext.Current.TestOutputHelper!.WriteLine($"ready {TimeProvider.System.GetElapsedTime(start).TotalSeconds:0.0} s after the new start");

        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Status);
        Assert.Equal((before, ids), (await ModelsAsync(again), await SampleAsync(again)));
        service.Signal(ServiceProcess.Terminate);
        Assert.Equal(0, (await service.EndAsync()).Code);
    }

    [Theory]
    [InlineData("onnx/model.onnx_data", "is damaged or from another export")]
    [InlineData("model.safetensors", "was exported from a model of fingerprint")]
    public async Task Start_ModelChangedSinceTheKill_IsRefusedByItsHash(string file, string part)
    {
        using (var killed = ServiceProcess.Start(_line))
        {
            Assert.NotNull(await killed.ReadLineAsync());
            killed.Signal(ServiceProcess.KillAtOnce);
            await killed.EndAsync();
        }

        string path = Path.Combine(_folder, "policy", file);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
        using var service = ServiceProcess.Start(_line);
        var (code, output, error) = await service.EndAsync();

        Assert.Equal((BadInput, ""), (code, output));
        Assert.Contains(part, error);
    }

    private static async Task<GrpcChannel> ChannelAsync(ServiceProcess service)
    {
        string? line = await service.ReadLineAsync();
        Assert.StartsWith("listening on ", line);
        return GrpcChannel.ForAddress(line!["listening on ".Length..]);
    }

    private static async Task<string> ModelsAsync(GrpcChannel channel) =>
        (await new Inference.V1.Models.ModelsClient(channel).ListAsync(new ListModelsRequest())).ToString();

    private static async Task<string> SampleAsync(GrpcChannel channel)
    {
        var request = new SampleRequest { Model = "policy", Prompts = { Golden.Prompt(1, 2, 3) }, N = 4 };
        var reply = await new Inference.V1.Sampling.SamplingClient(channel).SampleAsync(request);
        return string.Join(';', reply.Completions.Select(completion => completion.Ids));
    }
}
