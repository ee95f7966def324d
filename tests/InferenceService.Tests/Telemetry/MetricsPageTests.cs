using System.Diagnostics.Metrics;
using System.Net;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Rudder.Engine;
using Rudder.Engine.Telemetry;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Telemetry;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests.Telemetry;

public sealed class MetricsPageTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Get_AfterCalls_TellsThemAndCountersOnlyRise()
    {
        await using var service = await StartAsync();
        using var http = Client(service);
        await service.Sampling.SampleAsync(Request());
        using var recorder = new EngineMetrics(service.Get<IMeterFactory>()).Open("page");
        recorder.Stepped(3, TimeSpan.FromMilliseconds(9), TimeSpan.FromMilliseconds(1));
        recorder.Watch(() => new EngineLoad(2, 1, 4, 30, 120), 1024);

        var first = await ScrapeAsync(http);
        await service.Sampling.SampleAsync(Request());
        var second = await ScrapeAsync(http);

        const string Sampled = "{method=\"/inference.v1.Sampling/Sample\",status=\"OK\"}";
        Assert.Equal((1d, 2d), (first.Samples["rudder_calls_total" + Sampled], second.Samples["rudder_calls_total" + Sampled]));
        const string Labels = "{gen_ai_operation_name=\"text_completion\",gen_ai_provider_name=\"rudder\",gen_ai_request_model=\"page\"}";
        Assert.Equal(2, second.Samples["gen_ai_server_request_duration_seconds_count" + Labels]);
        Assert.Equal(3, first.Samples["rudder_batch_width_sum{gen_ai_request_model=\"page\"}"]);
        Assert.Equal(0, first.Samples["rudder_batch_width_bucket{gen_ai_request_model=\"page\",le=\"2\"}"]);
        Assert.Equal(1, first.Samples["rudder_batch_width_bucket{gen_ai_request_model=\"page\",le=\"4\"}"]);
        Assert.Equal(0.5, first.Samples["rudder_slots_utilization{gen_ai_request_model=\"page\"}"]);
        Assert.Equal(30 * 1024, first.Samples["rudder_cache_usage_bytes{gen_ai_request_model=\"page\"}"]);
        Assert.Contains(first.Samples.Keys, name => name.StartsWith("dotnet_gc_collections_total{", StringComparison.Ordinal));
        Assert.Contains(first.Samples.Keys, name => name.StartsWith("kestrel_active_connections{", StringComparison.Ordinal));
        Assert.Contains(first.Samples.Keys, name => name.Contains("service_name=\"rudder-inference-service\"", StringComparison.Ordinal));
        var own = first.Counters.Where(counter => counter.Key.StartsWith("rudder_", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(own);
        Assert.All(own, counter => Assert.True(second.Samples[counter.Key] >= counter.Value, counter.Key));
    }

    [Fact]
    public async Task Get_FailedCall_HasItsErrorTypeAndNoModelThatIsNotLoaded()
    {
        await using var service = await StartAsync();
        using var http = Client(service);
        var unknown = new SampleRequest { Model = "made-up", Prompts = { Golden.Prompt(1) } };
        await Assert.ThrowsAsync<RpcException>(async () => await service.Sampling.SampleAsync(unknown));

        string page = await http.GetStringAsync(new Uri(service.Url + TelemetrySetup.MetricsRoute));

        Assert.Contains("error_type=\"NotFound\"", page);
        Assert.DoesNotContain("made-up", page);
    }

    [Fact]
    public async Task Get_ModelLoadedAndUnloaded_ShowsItsEngineWhileItIsThere()
    {
        await using var service = await RunningService.StartAsync(
            ["--Service:MaxSlots=4", .. RunningService.Model(0, "m", ModelCopies.Fixture("tiny-gpt2"))]);
        using var http = Client(service);
        await service.Sampling.SampleAsync(new SampleRequest { Model = "m", Prompts = { Golden.Prompt(1) }, Settings = new SamplerSettings { MaxNewTokens = 8 } });

        var loaded = await ScrapeAsync(http);
        await service.Models.UnloadAsync(new UnloadModelRequest { Name = "m" });
        await ScrapeAsync(http);                             // shows the series once more
        var later = await ScrapeAsync(http);

        const string Labels = "{gen_ai_request_model=\"m\"}";
        Assert.Equal(4, loaded.Samples["rudder_slots" + Labels]);
        Assert.Equal(4 * 64 * 2 * 2 * 32 * sizeof(float), loaded.Samples["rudder_cache_limit_bytes" + Labels]); // slots × context × layers × 2 × width
        Assert.InRange(loaded.Samples["rudder_decode_duration_seconds_count" + Labels], 1, double.MaxValue);
        Assert.DoesNotContain(later.Samples.Keys, series => series.Contains("gen_ai_request_model=\"m\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Get_QueueFull_CountsTheRejection()
    {
        await using var service = await StartAsync(new FakeGenerator("f") { Failure = EngineFaults.QueueFull(1, 1, 1) });
        using var http = Client(service);
        await Assert.ThrowsAsync<RpcException>(async () => await service.Sampling.SampleAsync(Request()));

        var page = await ScrapeAsync(http);

        Assert.Equal(1, page.Samples["rudder_rejections_total{gen_ai_request_model=\"page\",reason=\"queue_full\"}"]);
    }

    [Fact]
    public async Task Get_ManyAtOnce_AllGetAWholePage()
    {
        await using var service = await StartAsync();
        using var http = Client(service);

        var pages = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => ScrapeAsync(http))).WaitAsync(Limit);

        Assert.All(pages, page => Assert.NotEmpty(page.Samples));
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("HEAD")]
    public async Task Metrics_GetOrHead_IsAnswered(string method)
    {
        await using var service = await StartAsync();
        using var http = Client(service);
        using var request = new HttpRequestMessage(new HttpMethod(method), TelemetrySetup.MetricsRoute)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var reply = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
        Assert.Equal(method == "GET", (await reply.Content.ReadAsByteArrayAsync()).Length > 0);
    }

    private static async Task<PrometheusPage> ScrapeAsync(HttpClient http)
    {
        using var reply = await http.GetAsync(new Uri(TelemetrySetup.MetricsRoute, UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", reply.Content.Headers.ContentType?.ToString());
        return new PrometheusPage(await reply.Content.ReadAsStringAsync());
    }

    // The address for gRPC speaks HTTP/2 alone.
    private static HttpClient Client(RunningService service) => new()
    {
        BaseAddress = new Uri(service.Url),
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private static Task<RunningService> StartAsync()
    {
        var engine = new FakeGenerator("f");
        engine.Release();
        return StartAsync(engine);
    }

    private static Task<RunningService> StartAsync(FakeGenerator engine) =>
        RunningService.StartAsync(services => services.AddLoader(new FakeLoader(engine)), RunningService.Model(0, "page", "/"));

    private static SampleRequest Request() => new() { Model = "page", Prompts = { Golden.Prompt(1) } };
}
