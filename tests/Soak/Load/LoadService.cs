using System.Globalization;
using Grpc.Net.Client;
using Rudder.Inference.V1;
using Rudder.InferenceService.Tests;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Soak.Load;

/// <summary>The service as a process of its own with the models of a load test, and clients to it.</summary>
internal sealed class LoadService : IDisposable
{
    private const long Kibi = 1 << 10;
    private readonly GrpcChannel _channel;

    private LoadService(ServiceProcess process, string url)
    {
        Process = process;
        Url = url;
        _channel = GrpcChannel.ForAddress(url, new GrpcChannelOptions { MaxReceiveMessageSize = 64 << 20 });
        Sampling = new Inference.V1.Sampling.SamplingClient(_channel);
        Scoring = new Scoring.ScoringClient(_channel);
        Models = new Inference.V1.Models.ModelsClient(_channel);
    }

    public ServiceProcess Process { get; }

    public string Url { get; }

    public Inference.V1.Sampling.SamplingClient Sampling { get; }

    public Scoring.ScoringClient Scoring { get; }

    public Inference.V1.Models.ModelsClient Models { get; }

    /// <summary>Starts it and waits until its models are warm.</summary>
    public static async Task<LoadService> StartAsync(LoadModels models, params string[] args)
    {
        var process = ServiceProcess.Start(
        [
            "--urls=http://127.0.0.1:0",
            $"--Service:ModelRoots:0={models.Root}",
            .. RunningService.Model(0, LoadModels.Policy, models.PolicyFolder),
            .. RunningService.Model(1, LoadModels.Reference, models.ReferenceFolder),
            .. RunningService.Model(2, LoadModels.Swapped, models.PolicyFolder),
            .. RunningService.Model(3, LoadModels.Classifier, models.ClassifierFolder),
            .. args,
        ]);
        const string Listening = "listening on ";
        try
        {
            string? line = await process.ReadLineAsync();
            if (line is null || !line.StartsWith(Listening, StringComparison.Ordinal))
            {
                Assert.Fail($"the service did not start: {(await process.EndAsync()).Error}");
            }

            return new LoadService(process, line![Listening.Length..]);
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }

    /// <summary>Memory of the process that is in the machine's, bytes.</summary>
    public long ResidentBytes()
    {
        string entry = File.ReadLines($"/proc/{Process.Id}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(entry.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * Kibi;
    }

    /// <summary>Tells it to stop: it must drain and end as it should.</summary>
    /// <returns>What it wrote to standard error.</returns>
    public async Task<string> StopAsync()
    {
        Process.Signal(ServiceProcess.Terminate);
        var (code, _, error) = await Process.EndAsync();
        Assert.True(code == 0, $"the service ended with {code}: {error}");
        Assert.Contains("Drained", error);
        return error;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _channel.Dispose();
        Process.Dispose();
    }
}
