using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService;

/// <summary>Sets up Kestrel: addresses, protocols, and the limits of connections, bodies and replies.</summary>
internal static class Listening
{
    /// <summary>Minimum average rate of a body after the grace time, on HTTP/1.1 and HTTP/2.</summary>
    public const int BodyBytesPerSecond = 240;

    /// <summary>Grace time during which a body may arrive at any rate.</summary>
    public const int BodyGraceSeconds = 5;

    /// <summary>Minimum average rate for reading a reply after the grace time, on HTTP/1.1 and HTTP/2.</summary>
    public const int ReplyBytesPerSecond = 4096;

    /// <summary>Grace time during which a reply may be read at any rate.</summary>
    public const int ReplyGraceSeconds = 10;

    // Leaves room for message framing, so that a large message hits gRPC's limit first, which has the better error.
    private const int HttpSlack = 64 << 10;

    // gRPC's own clients send at most 8 KiB; twice that leaves room for a key and tracing.
    private const int HeaderBytes = 16 << 10;

    // Well-behaved clients send headers in one piece. A slow client only blocks a connection.
    private static readonly TimeSpan HeaderTime = TimeSpan.FromSeconds(10);

    // Without pings, a client with a dead machine or network would keep the slots of its calls.
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);

    /// <summary>Sets Kestrel up.</summary>
    public static void Configure(WebApplicationBuilder builder, StartSettings settings) => builder.WebHost.ConfigureKestrel(kestrel =>
    {
        kestrel.AddServerHeader = false;

        // Ignores a Kestrel section that is added to appsettings.json later: it would open unchecked addresses.
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

    /// <summary>The URLs of a started application, with actual ports. The HTTP/1.1 face may have none.</summary>
    public static (IReadOnlyList<string> Grpc, IReadOnlyList<string> Http) Addresses(WebApplication app)
    {
        // Kestrel binds addresses in the order of the Listen calls and lists each one when it is bound.
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

        // Ends a connection if the client does not read its reply in time. On HTTP/2 this ends the connection's other calls too.
        limits.MinResponseDataRate = new MinDataRate(ReplyBytesPerSecond, TimeSpan.FromSeconds(ReplyGraceSeconds));
    }

    private static void Listen(KestrelServerOptions kestrel, ListenAddress address, HttpProtocols cleartext, StartSettings settings) =>
        kestrel.Listen(address.EndPoint, endpoint =>
        {
            // With TLS, client and server negotiate the protocol. Without TLS, only one protocol is possible.
            endpoint.Protocols = address.Tls ? HttpProtocols.Http1AndHttp2 : cleartext;
            var shares = ActivatorUtilities.CreateInstance<ConnectionShares>(endpoint.ApplicationServices);
            endpoint.Use(next => connection => shares.RunAsync(connection, next));
            if (address.Tls && settings.Files.Identity is { } identity)
            {
                endpoint.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(identity.Current.Handshake()) });
            }
        });
}
