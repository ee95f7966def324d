using System.Net;
using System.Net.Http.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Tests.Http;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>More work than slots: clients take turns, deadlines apply in the queue, and a slow reader harms only itself.</summary>
public sealed class UnderLoadTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Sample_OneClientFloods_TheOthersPromptIsNextButOne()
    {
        using var hold = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        var prefilled = new List<int>();
        var decoder = Held(hold, started);
        decoder.OnPrefill = prompts => prefilled.AddRange(prompts.Select(prompt => prompt[0]));
        var loaded = new LoadedEngine(decoder);
        await using var service = await StartAsync(loaded);
        try
        {
            var flood = service.Sampling.SampleAsync(Request(firstId: 1, prompts: 20), Client("10.0.0.1"));
            Assert.True(started.Wait(Limit));
            var other = service.Sampling.SampleAsync(Request(firstId: 2), Client("10.0.0.2"));
            Assert.True(SpinWait.SpinUntil(() => loaded.Engine.Waiting == 20, Limit)); // 19 of the flood and the other's
            hold.Set();
            await Task.WhenAll(flood.ResponseAsync, other.ResponseAsync).WaitAsync(Limit);
        }
        finally
        {
            hold.Set();
        }

        Assert.Equal(21, prefilled.Count);
        Assert.Equal(2, prefilled.IndexOf(2));               // after the prompt that ran and the one whose turn it was
    }

    [Fact]
    public async Task Sample_DeadlinePassesInTheQueue_EndsOnTheServerWhileTheEngineIsBusy()
    {
        using var hold = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        var ended = new AwaitedLine("Sampling/Sample ended with DeadlineExceeded");
        await using var service = await StartAsync(new LoadedEngine(Held(hold, started)), ended);
        try
        {
            var running = service.Sampling.SampleAsync(Request(firstId: 1));
            Assert.True(started.Wait(Limit));
            var deadline = TimeProvider.System.GetUtcNow().UtcDateTime.AddMilliseconds(200);
            var late = await Assert.ThrowsAsync<RpcException>(async () => await service.Sampling.SampleAsync(Request(firstId: 2), deadline: deadline));
            Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);

            await ended.Seen.WaitAsync(Limit);               // the engine is still in its first step

            Assert.False(running.ResponseAsync.IsCompleted);
            hold.Set();
            await running.ResponseAsync.WaitAsync(Limit);
        }
        finally
        {
            hold.Set();
        }
    }

    [Fact]
    public async Task SampleStream_WriterNeverReturns_IsGivenUpWithinOneStepAndOthersGoOn()
    {
        int steps = 0;
        var decoder = new FakeDecoder(slots: 4) { OnStep = _ => steps++ };
        await using var service = await StartAsync(new LoadedEngine(decoder), null, "--Service:MaxStreamBuffer=16");

        var stream = service.Get<SamplingService>().SampleStream(Request(firstId: 1, n: 4, tokens: 40), new StuckWriter(), new FakeCallContext());
        await Assert.ThrowsAsync<SlowReaderException>(() => stream.WaitAsync(Limit));

        // 4 events a step, the prefill's included: the 17th or 18th is too many, in the 4th step; one more may be under way.
        await service.Sampling.SampleAsync(Request(firstId: 2, tokens: 5)).ResponseAsync.WaitAsync(Limit);
        Assert.InRange(steps, 4 + 4, 5 + 4);
    }

    [Fact]
    public async Task SampleStream_ClientDoesNotRead_IsGivenUpAndHearsWhyWhenItReadsAgain()
    {
        var ended = new AwaitedLine("Sampling/SampleStream ended with ResourceExhausted");
        var loaded = new LoadedEngine(new FakeDecoder(slots: 32, context: 2048));
        await using var service = await StartAsync(loaded, ended, "--Service:MaxStreamBuffer=4096");
        using var stalled = service.Sampling.SampleStream(Request(firstId: 1, n: 32, tokens: 2000));
        Assert.True(await stalled.ResponseStream.MoveNext(CancellationToken.None));

        // The transport's windows fill first, then the buffer.
        await ended.Seen.WaitAsync(Limit);
        await service.Sampling.SampleAsync(Request(firstId: 2)).ResponseAsync.WaitAsync(Limit);

        var fault = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await stalled.ResponseStream.MoveNext(CancellationToken.None))
            {
            }
        });
        Assert.Equal(StatusCode.ResourceExhausted, fault.StatusCode);
        Assert.Contains("the reader is 4096 events behind", fault.Status.Detail);
    }

    [Fact]
    public async Task Completions_StreamClientDoesNotRead_IsGivenUpAndOthersGoOn()
    {
        var ended = new AwaitedLine("/v1/completions ended with ResourceExhausted");
        var loaded = new LoadedEngine(new FakeDecoder(slots: 32, context: 2048));
        await using var service = await StartAsync(loaded, ended, "--http-urls=http://127.0.0.1:0");
        using var http = new HttpFace(service);

        // 64,000 events of more than 200 bytes: beyond what the kernel's buffers take from a connection that nobody reads.
        var request = new { model = "m", prompt = new[] { 1, 2, 3 }, n = 32, max_tokens = 2000, stream = true, logprobs = 0 };
        using var post = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = JsonContent.Create(request) };
        using var stalled = await http.Client.SendAsync(post, HttpCompletionOption.ResponseHeadersRead).WaitAsync(Limit);

        await ended.Seen.WaitAsync(Limit);
        await service.Sampling.SampleAsync(Request(firstId: 2)).ResponseAsync.WaitAsync(Limit);
    }

    [Fact]
    public async Task Completions_ClientDoesNotReadItsReply_ModelIsUnloadedAllTheSame()
    {
        var decoder = new FakeDecoder(slots: 32, context: 2048);
        await using var service = await StartAsync(
            new LoadedEngine(decoder), null, "--http-urls=http://127.0.0.1:0", "--Service:DrainSeconds=0");
        using var http = new HttpFace(service);

        // One reply of 64,000 tokens and their top 5: beyond what the kernel's buffers take, too.
        var request = new { model = "m", prompt = new[] { 1, 2, 3 }, n = 32, max_tokens = 2000, logprobs = 5 };
        using var post = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = JsonContent.Create(request) };
        using var stalled = await http.Client.SendAsync(post, HttpCompletionOption.ResponseHeadersRead).WaitAsync(Limit);
        await service.Models.UnloadAsync(new UnloadModelRequest { Name = "m" }).ResponseAsync.WaitAsync(Limit);

        Assert.True(decoder.Disposed);
    }

    private static FakeDecoder Held(ManualResetEventSlim hold, ManualResetEventSlim started) => new(slots: 1)
    {
        OnStep = _ =>
        {
            started.Set();
            hold.Wait(Limit);
        },
    };

    private static Task<RunningService> StartAsync(LoadedEngine loaded, AwaitedLine? line = null, params string[] args) => RunningService.StartAsync(
        services =>
        {
            services.AddLoader(loaded).AddSingleton<IStartupFilter>(new CallerFromHeader());
            if (line is not null)
            {
                services.AddSingleton<ILoggerProvider>(line);
            }
        },
        [.. RunningService.Model(0, "m", "/"), "--Logging:LogLevel:Rudder=Debug", "--Logging:Console:LogLevel:Default=None", .. args]);

    private static Metadata Client(string name) => new() { { CallerFromHeader.Header, name } };

    private static SampleRequest Request(int firstId, int prompts = 1, int n = 1, int tokens = 5)
    {
        var request = new SampleRequest { Model = "m", N = n, Settings = new SamplerSettings { MaxNewTokens = tokens } };
        request.Prompts.AddRange(Enumerable.Repeat(Golden.Prompt(firstId, 3), prompts));
        return request;
    }

    /// <summary>Gives each caller an address of its own, which a header holds.</summary>
    private sealed class CallerFromHeader : IStartupFilter
    {
        public const string Header = "x-client";

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(async (HttpContext context, RequestDelegate following) =>
            {
                context.Connection.RemoteIpAddress = IPAddress.TryParse(context.Request.Headers[Header], out var address) ? address : IPAddress.Loopback;
                await following(context);
            });
            next(app);
        };
    }


    /// <summary>A writer whose reader never takes anything.</summary>
    private sealed class StuckWriter : IServerStreamWriter<SampleStreamResponse>
    {
        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(SampleStreamResponse message) => new TaskCompletionSource().Task;
    }
}
