using Grpc.Health.V1;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Rudder.Inference.V1;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>The real service on a free loopback port in this process, with clients.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    private bool _disposed;

    private RunningService(WebApplication app)
    {
        App = app;
        Url = Listening.Addresses(app).Grpc.Single();
        Channel = GrpcChannel.ForAddress(Url, new GrpcChannelOptions { MaxReceiveMessageSize = 64 << 20 });
        Sampling = new Inference.V1.Sampling.SamplingClient(Channel);
        Scoring = new Scoring.ScoringClient(Channel);
        Models = new Models.ModelsClient(Channel);
        Health = new Health.HealthClient(Channel);
    }

    public WebApplication App { get; }

    public string Url { get; }

    public GrpcChannel Channel { get; }

    public Inference.V1.Sampling.SamplingClient Sampling { get; }

    public Scoring.ScoringClient Scoring { get; }

    public Models.ModelsClient Models { get; }

    public Health.HealthClient Health { get; }

    /// <summary>Starts the service with one thread per model.</summary>
    public static Task<RunningService> StartAsync(params string[] args) => StartAsync(null, args);

    /// <summary>The same with some parts replaced.</summary>
    public static async Task<RunningService> StartAsync(Action<IServiceCollection>? replace, params string[] args)
    {
        var app = ServiceHost.Build(
            new CommandLine(["--urls=http://127.0.0.1:0", "--Service:Threads=1", "--Logging:LogLevel:Default=Error", .. args]), replace);
        await app.StartAsync();
        return new RunningService(app);
    }

    /// <summary>Flags that load a model at start.</summary>
    public static string[] Model(int index, string name, string folder, string engine = "slots") =>
    [
        $"--Service:Models:{index}:Name={name}",
        $"--Service:Models:{index}:Path={folder}",
        $"--Service:Models:{index}:Engine={engine}",
    ];

    /// <summary>Completes when the service drains.</summary>
    public async Task DrainsAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (Get<ServiceState>().Phase != ServicePhase.Draining)
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    public T Get<T>()
        where T : notnull => App.Services.GetRequiredService<T>();

    /// <summary>Stops the service, which sends its last figures. A second time does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true))
        {
            return;
        }

        Channel.Dispose();
        await App.StopAsync();
        await App.DisposeAsync();
    }
}
