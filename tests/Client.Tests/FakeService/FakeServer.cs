using System.Collections.Concurrent;
using System.Net;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Rudder.Client.Rpc;
using Rudder.Inference.V1;

namespace Rudder.Client.Tests.FakeService;

/// <summary>The service's contracts on a real Kestrel at 127.0.0.1, with scripted answers, faults and a record of what was asked.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly WebApplication _application;

    private FakeServer(WebApplication application) => _application = application;

    /// <summary>Where it listens.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Calls by method name, in the order of their arrival.</summary>
    public ConcurrentQueue<(string Method, object Request)> Calls { get; } = new();

    /// <summary>May throw, or wait, instead of an answer; gets the method's name and how many calls of it came before.</summary>
    public Func<string, int, ServerCallContext, Task> Fault { get; set; } = (_, _, _) => Task.CompletedTask;

    /// <summary>What List answers.</summary>
    public IReadOnlyList<ModelInfo> Held { get; set; } = FakeModels.List;

    /// <summary>Fingerprint and precision that replies carry for a model; gets how many replies of the call came before.</summary>
    public Func<string, int, (string Fingerprint, Precision Precision)> Identity { get; set; } =
        (model, _) => ("f-" + model, Precision.Fp32);

    /// <summary>Results that Classify, Divergence, Encode and Decode leave out at the end of an answer.</summary>
    public int Withheld { get; set; }

    /// <summary>What health answers.</summary>
    public bool Serving { get; set; } = true;

    /// <summary>Starts it.</summary>
    /// <param name="endpoint">Changes how it listens, e.g. with TLS; null is cleartext HTTP/2.</param>
    public static async Task<FakeServer> StartAsync(Action<ListenOptions>? endpoint = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                endpoint?.Invoke(listen);
            }));
        builder.Services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = null);
        FakeServer? server = null;
        builder.Services.AddSingleton(_ => server!);
        WebApplication application = builder.Build();
        application.MapGrpcService<FakeSampling>();
        application.MapGrpcService<FakeScoring>();
        application.MapGrpcService<FakeModelsService>();
        application.MapGrpcService<FakeHealth>();
        server = new FakeServer(application);
        await application.StartAsync();
        server.Address = new Uri(
            application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()
        );
        return server;
    }

    /// <summary>A client whose retries do not slow a test down.</summary>
    public InferenceClient Client(CallSettings? settings = null) =>
        new(
            Address,
            settings
                ?? CallSettings.Default with
                {
                    Retries = 3,
                    RetryDelay = TimeSpan.FromMilliseconds(1),
                    MaxRetryDelay = TimeSpan.FromMilliseconds(2),
                },
            TimeProvider.System
        );

    public int Count(string method) => Calls.Count(call => call.Method == method);

    public async Task ReceiveAsync(string method, object request, ServerCallContext context)
    {
        int before = Count(method);
        Calls.Enqueue((method, request));
        await Fault(method, before, context);
    }

    public async ValueTask DisposeAsync() => await _application.DisposeAsync();
}
