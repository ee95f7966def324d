using Grpc.Health.V1;
using Grpc.Net.Client;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests.Telemetry;

/// <summary>The program where its log cannot be written: a full disk, and a reader that has stalled.</summary>
public sealed class BlockedLogTests
{
    // Every call logs some twenty lines at this level: far more than the logger's queue (2,500) and a pipe (64 KiB) hold.
    private const int Calls = 500;

    private static readonly string[] Flags =
    [
        "--urls=http://127.0.0.1:0", "--Service:Threads=1",
        "--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft=Trace", "--Logging:LogLevel:Grpc=Trace",
        .. RunningService.Model(0, "m", ModelCopies.Fixture("tiny-gpt2")),
    ];

    [Fact]
    public async Task Calls_DiskUnderTheLogIsFull_AreAnswered()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        using var service = ServiceProcess.StartWithErrorTo("/dev/full", Flags);

        await CallAndStopAsync(service);
    }

    [Fact]
    public async Task Calls_NobodyReadsTheLog_AreAnswered()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a named pipe");
        string folder = Directory.CreateTempSubdirectory("rudder-log-").FullName;
        try
        {
            using var service = ServiceProcess.StartWithErrorTo(Path.Combine(folder, "pipe"), Flags);

            await CallAndStopAsync(service);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task CallAndStopAsync(ServiceProcess service)
    {
        string? line = await service.ReadLineAsync();
        Assert.StartsWith("listening on http://127.0.0.1:", line);
        using (var channel = GrpcChannel.ForAddress(line!["listening on ".Length..]))
        {
            var health = new Health.HealthClient(channel);
            for (int i = 0; i < Calls; i++)
            {
                var reply = await health.CheckAsync(new HealthCheckRequest()).ResponseAsync.WaitAsync(TimeSpan.FromSeconds(60));
                Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, reply.Status);
            }

            var sampling = new Inference.V1.Sampling.SamplingClient(channel);
            var drawn = await sampling.SampleAsync(new SampleRequest { Model = "m", Prompts = { Golden.Prompt(1) }, N = 4 })
                .ResponseAsync.WaitAsync(TimeSpan.FromSeconds(60));
            Assert.Equal(4, drawn.Completions.Count);
        }

        service.Signal(ServiceProcess.Terminate);
        Assert.Equal(0, (await service.EndAsync()).Code);
    }
}
