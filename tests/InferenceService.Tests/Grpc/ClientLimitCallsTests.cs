using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Telemetry;
using Rudder.Tests;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>A client's share of the service, as its calls meet it.</summary>
public sealed class ClientLimitCallsTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Sample_CallsAtTheLimit_IsResourceExhaustedUntilOneEnds()
    {
        var engine = new FakeGenerator("f");
        await using var service = await StartAsync(engine, "--Service:MaxCallsPerClient=1");
        var first = service.Sampling.SampleAsync(Request(9));
        await engine.Started.WaitAsync(Limit);

        var second = await FaultAsync(async () => await service.Sampling.SampleAsync(Request(9)));
        var streamed = await FaultAsync(async () => await service.Sampling.SampleStream(Request(9)).ResponseStream.MoveNext(CancellationToken.None));
        engine.Release();
        await ReplyAsync(first);
        await ReplyAsync(service.Sampling.SampleAsync(Request(9)));

        Assert.All(new[] { second, streamed }, fault =>
        {
            Assert.Equal(StatusCode.ResourceExhausted, fault.StatusCode);
            Assert.Contains("Service:MaxCallsPerClient", fault.Status.Detail);
        });
    }

    [Fact]
    public async Task Sample_TokensUsedUp_IsResourceExhaustedAndTellsWhenToComeBack()
    {
        var engine = new FakeGenerator("f");
        engine.Release();
        await using var service = await StartAsync(engine, "--Service:MaxTokensPerMinutePerClient=60");
        await ReplyAsync(service.Sampling.SampleAsync(Request(49))); // with its prompt 50

        var second = await FaultAsync(async () => await service.Sampling.SampleAsync(Request(49)));
        var never = await FaultAsync(async () => await service.Sampling.SampleAsync(Request(60)));

        Assert.Equal((StatusCode.ResourceExhausted, StatusCode.ResourceExhausted), (second.StatusCode, never.StatusCode));
        Assert.Contains("asks for 50 tokens", second.Status.Detail);
        Assert.Contains("Try again in", second.Status.Detail);
        Assert.Contains("asks for 61 tokens and this client has 60 a minute (Service:MaxTokensPerMinutePerClient), so it can never pass", never.Status.Detail);
    }

    [Fact]
    public async Task Sample_QueueFull_CostsNothingAndCancelledInTheQueueCostsItsTokens()
    {
        using var hold = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 1, context: 1024)
        {
            OnStep = _ =>
            {
                started.Set();
                hold.Wait(Limit);
            },
        };
        var loaded = new LoadedEngine(decoder, new EngineOptions { MaxQueue = 1, Threads = 1 });
        await using var service = await RunningService.StartAsync(
            services => services.AddLoader(loaded),
            [.. RunningService.Model(0, "m", "/"), "--Service:MaxTokensPerMinutePerClient=1000"]);
        try
        {
            var running = service.Sampling.SampleAsync(Request(9));          // with its prompt 10
            Assert.True(started.Wait(Limit));
            using (var waiting = service.Sampling.SampleAsync(Request(399)))
            {
                Assert.True(SpinWait.SpinUntil(() => loaded.Engine.Waiting == 1, Limit));
                var full = await FaultAsync(async () => await service.Sampling.SampleAsync(Request(499)));
                Assert.Contains("the queue holds 1", full.Status.Detail);
            }

            Assert.True(SpinWait.SpinUntil(() => service.Get<ServiceState>().Running == 1, Limit));

            // 590 are left, and 17 more every second; 990 had the cancelled call's been given back, 90 had the refused call's not.
            var beyond = await FaultAsync(async () => await service.Sampling.SampleAsync(Request(899)));
            Assert.Contains("asks for 900 tokens", beyond.Status.Detail);
            hold.Set();
            await ReplyAsync(running);
            await ReplyAsync(service.Sampling.SampleAsync(Request(549)));
        }
        finally
        {
            hold.Set();
        }
    }

    [Fact]
    public async Task SampleStream_Refused_CostsNothing()
    {
        var engine = new FakeGenerator("f") { Failure = EngineFaults.QueueFull(1, 1, 1) };
        await using var service = await StartAsync(engine, "--Service:MaxTokensPerMinutePerClient=60");
        for (int i = 0; i < 3; i++)
        {
            var stream = service.Sampling.SampleStream(Request(49)).ResponseStream;
            var refused = await FaultAsync(() => stream.MoveNext(CancellationToken.None));
            Assert.Equal(EngineFaults.QueueFull(1, 1, 1).Message, refused.Status.Detail);
        }
    }

    [Fact]
    public async Task Scoring_MoreThanTheBudget_IsResourceExhaustedByTheIdsItReads()
    {
        await using var service = await RunningService.StartAsync(
        [
            .. RunningService.Model(0, "g", ModelCopies.Fixture("tiny-gpt2")),
            .. RunningService.Model(1, "c", ModelCopies.Fixture("tiny-roberta")),
            "--Service:MaxTokensPerMinutePerClient=20",
        ]);
        var sequence = new Sequence { PromptIds = { 1, 2, 3, 4, 5, 6 }, CompletionIds = { 7, 8, 9, 10, 11, 12 } };

        var logProbs = await FaultAsync(async () => await service.Scoring.LogProbsAsync(new LogProbsRequest { Model = "g", Sequences = { sequence, sequence } }));
        var divergence = await FaultAsync(
            async () => await service.Scoring.DivergenceAsync(new DivergenceRequest { Model = "g", Reference = "g", Sequences = { sequence } }));
        var input = new ClassifyInput { Ids = new TokenIds { Ids = { Golden.ClassifierIds[0] } } };
        var classify = await FaultAsync(async () => await service.Scoring.ClassifyAsync(new ClassifyRequest { Model = "c", Inputs = { input, input } }));
        var fits = await ReplyAsync(service.Scoring.LogProbsAsync(new LogProbsRequest { Model = "g", Sequences = { sequence } }));

        Assert.Equal(StatusCode.ResourceExhausted, logProbs.StatusCode);
        Assert.Contains("asks for 24 tokens", logProbs.Status.Detail);
        Assert.Contains("asks for 24 tokens", divergence.Status.Detail); // policy and reference read them
        Assert.Contains($"asks for {2 * Golden.ClassifierIds[0].Length} tokens", classify.Status.Detail);
        Assert.Single(fits.Results);
    }

    private static Task<RunningService> StartAsync(FakeGenerator engine, params string[] args) => RunningService.StartAsync(
        services => services.AddLoader(new FakeLoader(engine)), [.. RunningService.Model(0, "m", "/"), .. args]);

    // A call that is let in where it should be refused may wait for what the test holds.
    private static Task<RpcException> FaultAsync(Func<Task> call) => Assert.ThrowsAsync<RpcException>(call).WithinAsync(Limit, "a refusal");

    private static Task<T> ReplyAsync<T>(AsyncUnaryCall<T> call) => call.ResponseAsync.WithinAsync(Limit, "a reply");

    private static SampleRequest Request(int tokens) =>
        new() { Model = "m", Prompts = { Golden.Prompt(1) }, Settings = new SamplerSettings { MaxNewTokens = tokens } };
}
