using System.Net;
using System.Text;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Rudder.Checkpoints;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Telemetry;
using Rudder.InferenceService.Tests.Grpc;
using Rudder.InferenceService.Tests.Http;

namespace Rudder.InferenceService.Tests.Telemetry;

public sealed class TelemetryExportTests
{
    private const string Marker = "Quaxolotl";
    private const string MadeUp = "made-up-by-a-caller";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Stop_CollectorSet_HasSentMetricsAndTheCallersTrace()
    {
        byte[] trace = [.. Enumerable.Range(0xA0, 16).Select(value => (byte)value)];
        await using var receiver = await OtlpReceiver.StartAsync();
        var engine = new FakeGenerator("f");
        engine.Release();
        await using var service = await RunningService.StartAsync(
            services => services.AddLoader(new FakeLoader(engine)), [.. RunningService.Model(0, "otlp", "/"), .. receiver.Flags]);
        var parent = new Metadata { { "traceparent", $"00-{Convert.ToHexStringLower(trace)}-00f067aa0ba902b7-01" } };

        var settings = new SamplerSettings { TopK = 5, MaxNewTokens = 3 };
        await service.Sampling.SampleAsync(new SampleRequest { Model = "otlp", Prompts = { Golden.Prompt(1, 2) }, Settings = settings }, parent);
        var unknown = new SampleRequest { Model = "made-up", Prompts = { Golden.Prompt(1) } };
        await Assert.ThrowsAsync<RpcException>(async () => await service.Sampling.SampleAsync(unknown));
        await service.DisposeAsync().AsTask().WaitAsync(Limit); // sends what is left

        string metrics = receiver.All("metrics");
        string[] measured = ["gen_ai.server.request.duration", "gen_ai.client.token.usage", "rudder.calls", "rudder-inference-service", "service.instance.id"];
        Assert.All(measured, name => Assert.Contains(name, metrics, StringComparison.Ordinal));
        string traces = receiver.All("traces");
        string[] traced =
        [
            "text_completion otlp", "gen_ai.operation.name", "gen_ai.request.top_k", "gen_ai.request.max_tokens", "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens", "gen_ai.response.finish_reasons", "rpc.grpc.status_code", Encoding.Latin1.GetString(trace),
        ];
        Assert.All(traced, name => Assert.Contains(name, traces, StringComparison.Ordinal));
        Assert.DoesNotContain("made-up", traces);
        Assert.DoesNotContain("made-up", metrics);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stop_CompletionOverHttp_HasSentItsSpan(bool stream)
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        var engine = new FakeGenerator("f");
        engine.Release();
        await using var service = await RunningService.StartAsync(
            services => services.AddLoader(new FakeLoader(engine)),
            [.. RunningService.Model(0, "otlp", "/"), "--http-urls=http://127.0.0.1:0", .. receiver.Flags]);
        using (var http = new HttpFace(service))
        {
            using var reply = await http.PostAsync(new { model = "otlp", prompt = new[] { 1, 2 }, stream });
            Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
            await reply.Content.ReadAsStringAsync();
        }

        await service.DisposeAsync().AsTask().WaitAsync(Limit);

        string traces = receiver.All("traces");
        Assert.All(
            (string[])["text_completion otlp", "/v1/completions", "gen_ai.request.max_tokens", "gen_ai.usage.output_tokens", "gen_ai.response.finish_reasons"],
            name => Assert.Contains(name, traces, StringComparison.Ordinal));
        Assert.Contains("gen_ai.server.request.duration", receiver.All("metrics"));
    }

    [Fact]
    public async Task Stop_CollectorIsGone_StopsAllTheSame()
    {
        await using var service = await RunningService.StartAsync("--Service:Telemetry:OtlpEndpoint=http://127.0.0.1:9"); // the discard port: nobody listens

        await service.DisposeAsync().AsTask().WaitAsync(Limit);
    }

    [Fact]
    public async Task AnyCall_WithText_LeavesNoneInMetricsTracesOrLogs()
    {
        string folder = Directory.CreateTempSubdirectory("rudder-telemetry-").FullName;
        var log = new LoggedLines();
        try
        {
            await using var receiver = await OtlpReceiver.StartAsync();
            string model = ModelCopies.WithTokenizer("tiny-gpt2", Path.Combine(folder, "m"), TokenizerFamily.Gpt2);
            await using var service = await RunningService.StartAsync(
                services => services.AddSingleton<ILoggerProvider>(log),
                [
                    .. RunningService.Model(0, "quiet", model), .. receiver.Flags, "--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft=Trace",
                    "--Logging:LogLevel:Grpc=Trace", "--Logging:Console:LogLevel:Default=None",
                ]);

            await CallWithTextAsync(service);
            using var http = new HttpClient { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
            using (await http.GetAsync(new Uri($"{service.Url}/{MadeUp}?{MadeUp}={MadeUp}")))
            {
            }

            string page = await http.GetStringAsync(new Uri(service.Url + TelemetrySetup.MetricsRoute));
            await service.DisposeAsync().AsTask().WaitAsync(Limit);

            Assert.Contains("gen_ai_request_model=\"quiet\"", page);
            Assert.DoesNotContain(Marker, page);
            Assert.Contains("text_completion quiet", receiver.All("traces"));
            Assert.DoesNotContain(Marker, receiver.All("traces"));
            Assert.DoesNotContain(MadeUp, receiver.All("traces"));
            Assert.DoesNotContain(MadeUp, page + receiver.All("metrics"));
            Assert.Contains("gen_ai.client.token.usage", receiver.All("metrics"));
            Assert.DoesNotContain(Marker, receiver.All("metrics"));
            Assert.Contains(log.Written, line => line.Contains("/inference.v1.Sampling/Sample ended with OK", StringComparison.Ordinal));
            Assert.DoesNotContain(log.Written, line => line.Contains(Marker, StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task AnyCall_UnknownVerb_IsOtherWithItsFirstLettersBesideIt()
    {
        string verb = "BREW" + new string('X', 40);
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(["--http-urls=http://127.0.0.1:0", .. receiver.Flags]);
        using (var http = new HttpFace(service))
        {
            using var reply = await http.Client.SendAsync(new HttpRequestMessage(new HttpMethod(verb), "/v1/models"));
            Assert.Equal(HttpStatusCode.MethodNotAllowed, reply.StatusCode);
        }

        await service.DisposeAsync().AsTask().WaitAsync(Limit);

        string traces = receiver.All("traces");
        Assert.All((string[])["_OTHER", "http.request.method_original", verb[..32]], value => Assert.Contains(value, traces, StringComparison.Ordinal));
        Assert.DoesNotContain(verb, traces);
    }

    [Fact]
    public async Task Stop_CollectorOfTheEnvironment_HasSentUnderItsServiceName()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        var environment = new Dictionary<string, string>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.Url,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_SERVICE_NAME"] = "named-by-the-environment",
        };
        using var service = ServiceProcess.Start(environment, "--urls=http://127.0.0.1:0");
        Assert.StartsWith("listening on", await service.ReadLineAsync());

        service.Signal(ServiceProcess.Terminate);

        Assert.Equal(0, (await service.EndAsync()).Code);
        Assert.Contains("named-by-the-environment", receiver.All("metrics"));
    }

    private static async Task CallWithTextAsync(RunningService service)
    {
        string text = $"The {Marker} and the model";
        var request = new SampleRequest
        {
            Model = "quiet",
            Prompts = { new Prompt { Text = text } },
            Settings = new SamplerSettings { MaxNewTokens = 4, StopStrings = { Marker } },
        };
        await service.Sampling.SampleAsync(request);
        using (var stream = service.Sampling.SampleStream(request))
        {
            while (await stream.ResponseStream.MoveNext(CancellationToken.None))
            {
            }
        }

        await service.Models.EncodeAsync(new EncodeRequest { Model = "quiet", Texts = { text } });
        request.Settings.MaxNewTokens = 1 << 20;
        await Assert.ThrowsAsync<RpcException>(async () => await service.Sampling.SampleAsync(request));
        var classify = new ClassifyRequest { Model = "quiet", Inputs = { new ClassifyInput { Text = text } } };
        await Assert.ThrowsAsync<RpcException>(async () => await service.Scoring.ClassifyAsync(classify));
    }
}
