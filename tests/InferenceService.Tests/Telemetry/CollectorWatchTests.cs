using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Telemetry;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests.Telemetry;

public sealed class CollectorWatchTests
{
    private const string Told = "did not reach the OTLP collector";

    [Theory]
    [InlineData("grpc")]
    [InlineData("httpprotobuf")]
    public async Task Stop_NobodyListens_TellsEndpointAndCauseOnce(string protocol)
    {
        var log = new LoggedLines();
        int port = ClosedPort();
        await using var service = await RunningService.StartAsync(
            services => services.AddSingleton<ILoggerProvider>(log),
            $"--Service:Telemetry:OtlpEndpoint=http://name:secret@127.0.0.1:{port}",
            $"--Service:Telemetry:OtlpProtocol={protocol}",
            "--Logging:LogLevel:Rudder=Warning",
            "--Logging:Console:LogLevel:Default=None");

        await service.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60)); // sends the figures

        string line = Assert.Single(log.Written, line => line.Contains(Told, StringComparison.Ordinal));
        Assert.Contains($"at http://127.0.0.1:{port}/", line);
        Assert.Contains("ConnectionError, SocketException", line);
        Assert.DoesNotContain("secret", line);
    }

    [Theory]
    [InlineData("application/grpc", HttpStatusCode.ServiceUnavailable, null, "HTTP status 503")]
    [InlineData("application/grpc", HttpStatusCode.OK, "16", "gRPC status 16")]
    [InlineData("application/grpc", HttpStatusCode.OK, "0", null)]
    [InlineData("application/grpc", HttpStatusCode.OK, null, "no gRPC status")]     // a web server, and no collector
    [InlineData("application/x-protobuf", HttpStatusCode.OK, null, null)]
    public async Task Send_Answer_IsToldWhereItRefuses(string content, HttpStatusCode status, string? grpc, string? expected)
    {
        var log = new LoggedLines();
        using var client = Client(log, new ManualTime(), status, grpc);

        using var body = new ByteArrayContent([]);
        body.Headers.ContentType = new MediaTypeHeaderValue(content);

        await client.PostAsync(new Uri("http://collector:4317/x"), body, TestContext.Current.CancellationToken);

        Assert.Equal(expected is null ? [] : [expected], log.Written.Select(line => line.Split(": ")[1].Split(';')[0]));
    }

    [Fact]
    public async Task Send_RefusedAgain_IsToldOnceAMinute()
    {
        var log = new LoggedLines();
        var time = new ManualTime();
        using var client = Client(log, time, HttpStatusCode.Forbidden, null);
        foreach (int seconds in (int[])[0, 59, 1])
        {
            time.Advance(TimeSpan.FromSeconds(seconds));
            await client.PostAsync(new Uri("http://collector:4317/x"), null, TestContext.Current.CancellationToken);
        }

        Assert.Equal(2, log.Written.Count);
    }

    private static HttpClient Client(LoggedLines log, TimeProvider time, HttpStatusCode status, string? grpc)
    {
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(log));
        return new HttpClient(new CollectorWatch(factory.CreateLogger<CollectorWatch>(), time).Around(new Answer(status, grpc)));
    }

    private static int ClosedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private sealed class Answer(HttpStatusCode status, string? grpc) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = new HttpResponseMessage(status);
            if (grpc is not null)
            {
                response.TrailingHeaders.Add("grpc-status", grpc);
            }

            return Task.FromResult(response);
        }
    }
}
