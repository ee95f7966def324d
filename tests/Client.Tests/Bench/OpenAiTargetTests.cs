using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Rudder.Client.Bench;
using Rudder.Client.Processes;
using Rudder.Client.Rpc;

namespace Rudder.Client.Tests.Bench;

/// <summary>What goes over OpenAI's API, and what comes back as times, tokens and failures; over real HTTP with scripted replies.</summary>
public sealed class OpenAiTargetTests : IAsyncLifetime
{
    private const string Done = "data: [DONE]\n\n";
    private const string Usage = """data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}}""" + "\n\n";
    private static readonly BenchRequest Ids = new(null, [1, 2, 3], 6, 11);

    private readonly WebApplication _server;
    private readonly RequestTimer _timer = new(TimeProvider.System, TimeProvider.System.GetTimestamp(), 2);
    private RequestDelegate _answer = _ => Task.CompletedTask;
    private string _body = "";

    public OpenAiTargetTests()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _server = builder.Build();
        _server.MapPost("/v1/completions", async http =>
        {
            _body = await new StreamReader(http.Request.Body).ReadToEndAsync();
            await _answer(http);
        });
    }

    public async ValueTask InitializeAsync() => await _server.StartAsync();

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("")]
    [InlineData("/v1")]
    [InlineData("/v1/")]
    public async Task SendAsync_TwoChoices_CountsPiecesAndUsage(string path)
    {
        Reply(Piece(0, "a") + Piece(1, "b") + Piece(0, "c") + Piece(0, "") + Piece(0, "", "length") + Usage + Done);
        await SendAsync(path);
        Assert.Equal((3, 9), _timer.Usage);
        Assert.Single(_timer.Gaps);                          // a to c
        Assert.Equal(9, _timer.Tokens);
        const string Expected = """
            { "model": "m", "prompt": [1, 2, 3], "n": 2, "max_tokens": 6, "temperature": 1, "seed": 11, "stream": true,
              "stream_options": { "include_usage": true } }
            """;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Expected), JsonNode.Parse(_body)), _body);
    }

    [Fact]
    public async Task SendAsync_NoUsage_CountsPieces()
    {
        Reply(Piece(0, "a") + Piece(0, "b") + Piece(1, "", "stop") + Done); // the second choice ends without text
        await SendAsync();
        Assert.Null(_timer.Usage);
        Assert.Equal(3, _timer.Tokens);
        Assert.True(_timer.HasStarted(1));
    }

    [Theory]
    [InlineData(429, """{"error":{"message":"full","code":"x"}}""", "full", false)]
    [InlineData(401, """{"error":{"message":"no key"}}""", "no key", false)]
    [InlineData(404, """{"error":"no such model"}""", "no such model", true)]
    [InlineData(400, "plain text", "plain text", true)]
    [InlineData(503, "", "", false)]
    public async Task SendAsync_ErrorStatus_FailsWithItAndItsMessage(int status, string body, string message, bool refused)
    {
        Reply(body, status);
        FailedRequestException failure = await Assert.ThrowsAsync<FailedRequestException>(() => SendAsync());
        Assert.Equal((status.ToString(), message, refused), (failure.Status, failure.Message, failure.Refused));
    }

    [Theory]
    [InlineData("""data: {"error":{"message":"broke"}}""", "StreamError")]
    [InlineData("""data: {"choices":[{"index":0,"text":"a"}]}""", "ConnectionLost")] // no [DONE]
    [InlineData("""data: {"choices":[{"index":5,"text":"a"}]}""", "InvalidReply")]
    [InlineData("""data: {"object":"other"}""", "InvalidReply")]
    [InlineData("data: what", "InvalidReply")]
    public async Task SendAsync_BrokenStream_FailsWithItsKind(string stream, string status)
    {
        Reply(stream + "\n\n");
        FailedRequestException failure = await Assert.ThrowsAsync<FailedRequestException>(() => SendAsync());
        Assert.Equal(status, failure.Status);
    }

    [Fact]
    public async Task SendAsync_NobodyListens_FailsWithConnectionError()
    {
        using OpenAiTarget target = Target(new Uri($"http://127.0.0.1:{FreePort.Find()}"), TimeSpan.FromMinutes(1));
        FailedRequestException failure = await Assert.ThrowsAsync<FailedRequestException>(
            () => target.SendAsync(Ids, _timer, CancellationToken.None));
        Assert.Equal(("ConnectionError", false), (failure.Status, failure.Refused));
    }

    [Fact]
    public async Task SendAsync_LongerThanTheDeadline_FailsWithTimeout()
    {
        _answer = http => Task.Delay(Timeout.Infinite, http.RequestAborted);
        FailedRequestException failure = await Assert.ThrowsAsync<FailedRequestException>(
            () => SendAsync(deadline: TimeSpan.FromMilliseconds(100)));
        Assert.Equal("Timeout", failure.Status);
    }

    [Fact]
    public async Task SendAsync_Cancelled_IsACancellation()
    {
        using CancellationTokenSource stop = new();
        _answer = async http =>
        {
            await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, http.RequestAborted);
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => SendAsync(cancel: stop.Token));
    }

    private static string Piece(int index, string text, string? reason = null) =>
        "data: " + new JsonObject
        {
            ["choices"] = new JsonArray(new JsonObject { ["index"] = index, ["text"] = text, ["finish_reason"] = reason }),
        }.ToJsonString() + "\n\n";

    private static OpenAiTarget Target(Uri address, TimeSpan deadline) =>
        new(address, ServiceAccess.Open, "m", 2, deadline, TimeProvider.System);

    private void Reply(string text, int status = 200) =>
        _answer = async http =>
        {
            http.Response.StatusCode = status;
            await http.Response.WriteAsync(text);
        };

    private async Task SendAsync(string path = "", TimeSpan? deadline = null, CancellationToken cancel = default)
    {
        using OpenAiTarget target = Target(new Uri(_server.Urls.First() + path), deadline ?? TimeSpan.FromMinutes(1));
        await target.SendAsync(Ids, _timer, cancel);
    }
}
