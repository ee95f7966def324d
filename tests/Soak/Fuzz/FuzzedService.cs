using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>A real service with small limits for the fuzzers, and the proof that it is unharmed.</summary>
internal sealed class FuzzedService : IAsyncDisposable
{
    /// <summary>A generator without a tokenizer.</summary>
    public const string Ids = "ids";

    /// <summary>A generator with a tokenizer.</summary>
    public const string Text = "text";

    /// <summary>A classifier with a tokenizer.</summary>
    public const string Labels = "labels";

    /// <summary>A marker in sent texts that no error may repeat. It is not a valid model name, because errors repeat those.</summary>
    public const string Marker = "Zq9 fuzz marker!";

    private readonly string _folder;
    private readonly RunningService _service;

    private FuzzedService(string folder, RunningService service)
    {
        _folder = folder;
        _service = service;
    }

    /// <summary>Client's end.</summary>
    public GrpcChannel Channel => _service.Channel;

    /// <summary>Where gRPC listens.</summary>
    public Uri Url => new(_service.Url);

    /// <summary>Where HTTP/1.1 listens; only of a service started with it.</summary>
    public Uri HttpUrl => new(_service.Get<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Last());

    /// <summary>Starts it. Every valid request is small work; the log stays silent, as errors are the point.</summary>
    /// <param name="http">Whether the HTTP face listens too.</param>
    public static async Task<FuzzedService> StartAsync(bool http = false)
    {
        string folder = Directory.CreateTempSubdirectory("rudder-fuzz-").FullName;
        string[] args =
        [
            "--Logging:LogLevel:Default=None",
            "--Logging:LogLevel:Microsoft=None",
            "--Logging:LogLevel:Grpc=None",
            "--Service:MaxPrompts=4",
            "--Service:MaxSamples=4",
            "--Service:MaxSequences=8",
            "--Service:MaxInputs=8",
            "--Service:MaxTextLength=2048",
            "--Service:MaxRequestBytes=65536",
            $"--Service:ModelRoots:0={folder}",
            .. RunningService.Model(0, Ids, ModelCopies.Plain("tiny-gpt2", Path.Combine(folder, Ids))),
            .. RunningService.Model(1, Text, ModelCopies.WithTokenizer("tiny-gpt2", Path.Combine(folder, Text), TokenizerFamily.Gpt2)),
            .. RunningService.Model(2, Labels, ModelCopies.WithTokenizer("tiny-roberta", Path.Combine(folder, Labels), TokenizerFamily.Roberta)),
        ];
        return new FuzzedService(folder, await RunningService.StartAsync(http ? [.. args, "--http-urls=http://127.0.0.1:0"] : args));
    }

    /// <summary>Fails unless the service is healthy, has its models and draws the golden ids.</summary>
    public async Task AssertUnharmedAsync()
    {
        var options = new CallOptions(deadline: TimeProvider.System.GetUtcNow().UtcDateTime + FuzzRun.Limit);
        var health = await _service.Health.CheckAsync(new HealthCheckRequest(), options);
        var list = await _service.Models.ListAsync(new ListModelsRequest(), options);
        var reply = await _service.Sampling.SampleAsync(
            new SampleRequest
            {
                Model = Ids,
                Prompts = { Golden.Prompt(Golden.Greedy[0][..5]) },
                Settings = new SamplerSettings { Temperature = 0, MaxNewTokens = 20 },
            },
            options);

        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Status);
        Assert.Equal([Ids, Labels, Text], list.Models.Select(model => model.Name));
        Assert.Equal(Golden.Greedy[0][5..], Assert.Single(reply.Completions).Ids);
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
