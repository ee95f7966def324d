using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Telemetry;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests.Http;

/// <summary>HTTP calls that end early.</summary>
public sealed class CallFilterTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly object Request = new { model = "m", prompt = new[] { 1 } };
    private static readonly object Streamed = new { model = "m", prompt = new[] { 1 }, stream = true, logprobs = 0 };

    [Fact]
    public async Task Completions_WhileDraining_AreUnavailable()
    {
        await using var service = await StartAsync(new FakeGenerator("f"));
        using var http = new HttpFace(service);
        _ = service.Get<ServiceState>().BecomeDraining();

        var (status, error) = await http.RefusedAsync(Request);

        Assert.Equal((503, "server_error", "unavailable"), (status, error.GetProperty("type").GetString(), error.GetProperty("code").GetString()));
        Assert.Equal(0, service.Get<ServiceState>().Running);
    }

    [Fact]
    public async Task Stop_WithARunningCall_LetsItFinish()
    {
        var engine = new FakeGenerator("f");
        await using var service = await StartAsync(engine);
        using var http = new HttpFace(service);
        var running = http.CompleteAsync(Request);
        await engine.Started.WaitAsync(Limit);

        var stopping = service.App.StopAsync();
        await service.DrainsAsync();
        Assert.False(stopping.IsCompleted);
        engine.Release();

        Assert.Equal("length", (await running).GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        await stopping.WaitAsync(Limit);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Completions_QueueFull_AreRefusedWithAStatusOfTheirOwn(bool stream)
    {
        await using var service = await StartAsync(new FakeGenerator("f") { Failure = EngineFaults.QueueFull(1, 1, 1) });
        using var http = new HttpFace(service);

        using var response = await http.PostAsync(stream ? Streamed : Request);

        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.Contains("the queue holds 1", (await HttpFace.ErrorOf(response)).GetProperty("message").GetString());
        Assert.Equal(TimeSpan.FromSeconds(1), response.Headers.RetryAfter?.Delta);
        string figures = await http.Client.GetStringAsync(new Uri(TelemetrySetup.MetricsRoute, UriKind.Relative));
        Assert.Contains("rudder_rejections_total{gen_ai_request_model=\"m\",reason=\"queue_full\"} 1\n", figures);
    }

    [Fact]
    public async Task Completions_EchoedPromptBeyondTheRankedTokens_IsRefused()
    {
        string[] model = RunningService.Model(0, "m", ModelCopies.Fixture("tiny-gpt2"));
        await using var service = await RunningService.StartAsync([.. model, "--http-urls=http://127.0.0.1:0", "--Service:MaxRankedBytes=1024"]); // 128 of 8 bytes
        using var http = new HttpFace(service);

        var (status, error) = await http.RefusedAsync(new { model = "m", prompt = new int[30], max_tokens = 0, echo = true, logprobs = 5 });

        Assert.Equal((400, "logprobs"), (status, error.GetProperty("param").GetString()));
    }

    [Theory]
    [InlineData(10, false)]                                  // 1 + 16 tokens: more than a minute's, now and ever
    [InlineData(20, true)]                                   // a second call of 17 has to wait
    public async Task Completions_OverTheTokenBudget_AreToBeTriedAgainOnlyWhereThatHelps(int budget, bool helps)
    {
        var engine = new FakeGenerator("f");
        engine.Release();
        await using var service = await StartAsync(engine, $"--Service:MaxTokensPerMinutePerClient={budget}");
        using var http = new HttpFace(service);
        using var first = await http.PostAsync(Request);

        using var second = await http.PostAsync(Request);

        Assert.Equal(helps ? HttpStatusCode.OK : HttpStatusCode.TooManyRequests, first.StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, second.StatusCode);
        Assert.Equal(helps, second.Headers.RetryAfter is not null);
        Assert.Equal(helps ? null : "false", second.Headers.TryGetValues("x-should-retry", out var values) ? values.Single() : null);
    }

    [Fact]
    public async Task Completions_EngineFails_NameAReferenceOnly()
    {
        await using var service = await StartAsync(new FakeGenerator("f") { Failure = new InvalidOperationException("secret") });
        using var http = new HttpFace(service);

        using var response = await http.PostAsync(Request);

        var error = await HttpFace.ErrorOf(response);
        Assert.Equal((HttpStatusCode.InternalServerError, "server_error"), (response.StatusCode, error.GetProperty("type").GetString()));
        Assert.DoesNotContain("secret", error.GetProperty("message").GetString());
        Assert.EndsWith($"under reference {response.Headers.GetValues("x-request-id").Single()}.", error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Stream_EndedInTheMiddle_EndsWithAnErrorEvent()
    {
        var engine = new FakeGenerator("f");
        await using var service = await StartAsync(engine, "--Service:DrainSeconds=0");
        using var http = new HttpFace(service);
        using var response = await http.Client.SendAsync(Post(Streamed), HttpCompletionOption.ResponseHeadersRead).WaitAsync(Limit);
        await engine.Started.WaitAsync(Limit);

        await service.App.StopAsync().WaitAsync(Limit);

        string[] events = (await response.Content.ReadAsStringAsync().WaitAsync(Limit)).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("data: {\"error\":", events[^1]);
        Assert.Contains("\"code\":\"unavailable\"", events[^1]);
    }

    [Fact]
    public async Task Stream_ReaderGoesAway_TellsTheEngine()
    {
        var engine = new FakeGenerator("f");
        await using var service = await StartAsync(engine);
        using var http = new HttpFace(service);
        var response = await http.Client.SendAsync(Post(Streamed), HttpCompletionOption.ResponseHeadersRead).WaitAsync(Limit);

        response.Dispose();

        await engine.Cancelled.WaitAsync(Limit);
    }

    [Fact]
    public async Task Completions_BodyAboveTheLimit_IsTooLarge()
    {
        await using var service = await StartAsync(new FakeGenerator("f"), "--Service:MaxRequestBytes=2048");
        using var http = new HttpFace(service);

        var (status, error) = await http.RefusedAsync(new { model = "m", prompt = new string('x', 4096) });

        Assert.Equal(413, status);
        Assert.Contains("2048", error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Completions_BodyTooSlow_SayTheRateAndAreCountedAsPastTheirDeadline()
    {
        await using var service = await StartAsync(new FakeGenerator("f"));
        using var http = new HttpFace(service);
        using var client = new TcpClient();
        await client.ConnectAsync(http.Client.BaseAddress!.Host, http.Client.BaseAddress.Port, TestContext.Current.CancellationToken);
        var connection = client.GetStream();
        await connection.WriteAsync(
            "POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"u8.ToArray(),
            TestContext.Current.CancellationToken);

        // The grace is Kestrel's clock's, which no test moves: some six seconds.
        using var reader = new StreamReader(connection);
        string reply = await reader.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(Limit);

        Assert.StartsWith("HTTP/1.1 408 ", reply);
        Assert.Contains("the body came too slowly: after its first 5 s it must come at 240 bytes a second", reply);
        string figures = await http.Client.GetStringAsync(new Uri(TelemetrySetup.MetricsRoute, UriKind.Relative));
        Assert.Contains("rudder_calls_total{method=\"/v1/completions\",status=\"DeadlineExceeded\"} 1\n", figures);
    }

    [Fact]
    public async Task Completions_ReplyAboveTheLimit_AreNotWorthARetry()
    {
        var engine = new FakeGenerator("f");
        engine.Release();
        await using var service = await StartAsync(engine, "--Service:MaxReplyBytes=1024");
        using var http = new HttpFace(service);

        using var response = await http.PostAsync(new { model = "m", prompt = Enumerable.Repeat(new[] { 1 }, 40) });

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Null(response.Headers.RetryAfter);
        Assert.Contains("Service:MaxReplyBytes", (await HttpFace.ErrorOf(response)).GetProperty("message").GetString());
    }

    private static HttpRequestMessage Post(object request) =>
        new(HttpMethod.Post, "/v1/completions") { Content = System.Net.Http.Json.JsonContent.Create(request) };

    private static Task<RunningService> StartAsync(FakeGenerator engine, params string[] args) => RunningService.StartAsync(
        services => services.AddLoader(new FakeLoader(engine)),
        [.. RunningService.Model(0, "m", "/"), "--http-urls=http://127.0.0.1:0", "--Logging:LogLevel:Default=None", .. args]); // the failures here are meant
}
