using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Rudder.InferenceService.Tests.Telemetry;

/// <summary>A collector that takes OTLP over HTTP on a free loopback port and keeps the bytes.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Signal, byte[] Body)> _received = new();

    private OtlpReceiver()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapPost("/v1/{signal}", TakeAsync);
    }

    /// <summary>Where it listens.</summary>
    public string Url => _app.Urls.Single();

    /// <summary>Flags that make a service send to it.</summary>
    public string[] Flags =>
    [
        $"--Service:Telemetry:OtlpEndpoint={Url}",
        "--Service:Telemetry:OtlpProtocol=httpprotobuf",
        "--Service:Telemetry:ExportSeconds=1",
    ];

    /// <summary>Starts one.</summary>
    public static async Task<OtlpReceiver> StartAsync()
    {
        var receiver = new OtlpReceiver();
        await receiver._app.StartAsync();
        return receiver;
    }

    /// <summary>Everything received of a signal; texts stand in protobuf as they are.</summary>
    /// <param name="signal">metrics or traces.</param>
    public string All(string signal) =>
        string.Concat(_received.Where(export => export.Signal == signal).Select(export => Encoding.Latin1.GetString(export.Body)));

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        _received.Enqueue(((string)context.Request.RouteValues["signal"]!, body.ToArray()));
        context.Response.ContentType = "application/x-protobuf";
    }
}
