using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService;

/// <summary>Where Kestrel listens, which protocols it speaks there, and what it takes from a connection before any call is read.</summary>
internal static class Listening
{
    /// <summary>Least rate of a body, on average, once its grace is over; HTTP/1.1 and HTTP/2.</summary>
    public const int BodyBytesPerSecond = 240;

    /// <summary>Time in which a body may come at any rate.</summary>
    public const int BodyGraceSeconds = 5;

    /// <summary>Least rate at which a reply must be read, on average, once its grace is over; HTTP/1.1 and HTTP/2.</summary>
    public const int ReplyBytesPerSecond = 4096;

    /// <summary>Time in which a reply may be read at any rate.</summary>
    public const int ReplyGraceSeconds = 10;

    // What HTTP needs around a message, so that gRPC's own limit is the one that speaks.
    private const int HttpSlack = 64 << 10;

    // gRPC's own implementations send 8 KiB at most; twice that leaves room for a key and tracing, and no more to strangers.
    private const int HeaderBytes = 16 << 10;

    // Headers come in one piece; a client that trickles them only holds a connection.
    private static readonly TimeSpan HeaderTime = TimeSpan.FromSeconds(10);

    // A client that died without a word (power, network) keeps its calls' slots until the connection is known to be dead.
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);

    /// <summary>Sets Kestrel up.</summary>
    public static void Configure(WebApplicationBuilder builder, StartSettings settings) => builder.WebHost.ConfigureKestrel(kestrel =>
    {
        kestrel.AddServerHeader = false;

        // The host lets a section Kestrel that comes into appsettings.json later open addresses: nobody would have checked them.
        kestrel.Configure();
        SetLimits(kestrel.Limits, settings.Options);

        // gRPC first: Addresses relies on that order.
        foreach (var address in settings.Grpc)
        {
            Listen(kestrel, address, HttpProtocols.Http2, settings);
        }

        foreach (var address in settings.Http)
        {
            Listen(kestrel, address, HttpProtocols.Http1, settings);
        }
    });

    /// <summary>The URLs of a started application, real ports in them.</summary>
    /// <param name="app">The application.</param>
    /// <returns>Those of the gRPC face, and those of the HTTP/1.1 face.</returns>
    public static (IReadOnlyList<string> Grpc, IReadOnlyList<string> Http) Addresses(WebApplication app)
    {
        // Kestrel binds one after the other, in the order of the Listen calls, and lists each when it is bound.
        string[] all = [.. app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses];
        int grpc = app.Services.GetRequiredService<StartSettings>().Grpc.Count;
        return (all[..grpc], all[grpc..]);
    }

    private static void SetLimits(KestrelServerLimits limits, ServiceOptions options)
    {
        limits.MaxRequestBodySize = options.MaxRequestBytes + HttpSlack;
        limits.MaxRequestHeadersTotalSize = HeaderBytes;
        limits.RequestHeadersTimeout = HeaderTime;
        limits.MinRequestBodyDataRate = new MinDataRate(BodyBytesPerSecond, TimeSpan.FromSeconds(BodyGraceSeconds));
        limits.Http2.MaxStreamsPerConnection = options.MaxStreamsPerConnection;
        limits.Http2.KeepAlivePingDelay = PingDelay;
        limits.Http2.KeepAlivePingTimeout = PingTimeout;

        // Counts the time in which a reply is not read, and ends the connection. On HTTP/2 other calls of the same client end with it.
        limits.MinResponseDataRate = new MinDataRate(ReplyBytesPerSecond, TimeSpan.FromSeconds(ReplyGraceSeconds));
    }

    private static void Listen(KestrelServerOptions kestrel, ListenAddress address, HttpProtocols cleartext, StartSettings settings) =>
        kestrel.Listen(address.EndPoint, endpoint =>
        {
            // With TLS client and server agree on the protocol; without, only one can be spoken.
            endpoint.Protocols = address.Tls ? HttpProtocols.Http1AndHttp2 : cleartext;
            var shares = ActivatorUtilities.CreateInstance<ConnectionShares>(endpoint.ApplicationServices);
            endpoint.Use(next => connection => shares.RunAsync(connection, next));
            if (address.Tls && settings.Files.Identity is { } identity)
            {
                endpoint.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(identity.Current.Handshake()) });
            }
        });
}
