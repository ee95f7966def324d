using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests.Security;

/// <summary>Bodies that come slowly, on both faces.</summary>
public sealed class BodyBudgetTests
{
    private const int Sent = 700 << 10;
    private const int Announced = 900 << 10;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly string[] OneMebibyteEach = ["--Service:MaxRequestBytes=1048576", "--Service:MaxBodyMegabytesPerClient=1"];

    [Theory]
    [InlineData("/v1/completions", "application/json")]
    [InlineData("/inference.v1.Models/Encode", "application/grpc")]
    public async Task SlowBodies_BeyondTheClientsBytes_AreRefusedUntilTheyEnd(string path, string mediaType)
    {
        await using var service = await RunningService.StartAsync(OneMebibyteEach);
        using var client = new HttpClient { BaseAddress = new Uri(service.Url) };
        var release = new TaskCompletionSource();

        // Two together hold more than one MiB: one is refused, or both where they grow at the same pace.
        var first = SendAsync(client, path, mediaType, release.Task);
        var second = SendAsync(client, path, mediaType, release.Task);
        var refused = await Task.WhenAny(first, second).WaitAsync(Limit);

        Assert.Equal(StatusCode.ResourceExhausted, await refused);
        release.SetResult();
        await Task.WhenAll(first, second).WaitAsync(Limit);

        // Bytes are given back just after the reply: the next call may still be too early.
        var later = StatusCode.ResourceExhausted;
        for (int tries = 0; later == StatusCode.ResourceExhausted && tries < 1000; tries++)
        {
            later = await SendAsync(client, path, mediaType, release.Task).WaitAsync(Limit);
        }

        Assert.Equal(StatusCode.InvalidArgument, later);
    }

    [Fact]
    public async Task InvokeAsync_BodiesWithoutAKey_LeaveTheBytesOfKnownCallers()
    {
        using var budget = new BodyBudget(new ServiceOptions { MaxBodyMegabytesPerClient = 1, MaxBodyMegabytes = 1 });
        await ReadAsync(budget, new DefaultHttpContext { Connection = { RemoteIpAddress = IPAddress.Parse("10.0.0.1") } });

        var stranger = new DefaultHttpContext { Connection = { RemoteIpAddress = IPAddress.Parse("10.0.0.2") } };
        var refused = await Assert.ThrowsAsync<RpcException>(() => ReadAsync(budget, stranger));
        await ReadAsync(budget, new DefaultHttpContext { User = new ClaimsPrincipal(new Caller("team")) });

        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        Assert.Equal(refused.Status, stranger.Features.Get<Refusal>()?.Status);
    }

    [Fact]
    public async Task InvokeAsync_KnownCallersUseTheirTotal_LeaveTheHealthProbes()
    {
        using var budget = new BodyBudget(new ServiceOptions { MaxBodyMegabytesPerClient = 1, MaxBodyMegabytes = 1 });
        await ReadAsync(budget, new DefaultHttpContext { User = new ClaimsPrincipal(new Caller("team")) });

        await Assert.ThrowsAsync<RpcException>(() => ReadAsync(budget, new DefaultHttpContext { User = new ClaimsPrincipal(new Caller("other")) }));
        await ReadAsync(budget, new DefaultHttpContext());
    }

    // The lease of a finished test request is never returned: nothing completes its response.
    private static Task ReadAsync(BodyBudget budget, DefaultHttpContext http)
    {
        http.Request.Body = new MemoryStream(new byte[Announced]);
        return budget.InvokeAsync(http, async _ => await http.Request.BodyReader.ReadAtLeastAsync(Announced));
    }

    private static async Task<StatusCode> SendAsync(HttpClient client, string path, string mediaType, Task released)
    {
        bool grpc = mediaType == "application/grpc";
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new SlowContent(grpc ? [0, 0, Announced >> 16, (Announced >> 8) & 0xff, Announced & 0xff] : [], released),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
        request.Headers.Add("te", "trailers");
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (!grpc)
        {
            return response.StatusCode == HttpStatusCode.TooManyRequests ? StatusCode.ResourceExhausted : StatusCode.InvalidArgument;
        }

        await response.Content.ReadAsByteArrayAsync();
        var headers = response.Headers.Contains("grpc-status") ? response.Headers : response.TrailingHeaders;

        // The body holds blanks instead of a message, so the service gives INVALID_ARGUMENT or UNKNOWN.
        return headers.GetValues("grpc-status").Single() == "8" ? StatusCode.ResourceExhausted : StatusCode.InvalidArgument;
    }

    /// <summary>Blanks, of which the last come only when a task has ended.</summary>
    private sealed class SlowContent(byte[] prefix, Task released) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            byte[] blanks = new byte[Announced];
            blanks.AsSpan().Fill((byte)' ');
            await stream.WriteAsync(prefix);
            await stream.WriteAsync(blanks.AsMemory(0, Sent));
            await stream.FlushAsync();
            await released;
            await stream.WriteAsync(blanks.AsMemory(Sent));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = prefix.Length + Announced;
            return true;
        }
    }
}
