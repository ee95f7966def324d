using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Rudder.Inference.V1;
using Rudder.InferenceService.Registry;

namespace Rudder.InferenceService.Tests.Services;

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
        await first;
        await service.Sampling.SampleAsync(Request(9));

        Assert.All(new[] { second, streamed }, fault =>
        {
            Assert.Equal(StatusCode.ResourceExhausted, fault.StatusCode);
            Assert.Contains("may run 1 (Service:MaxCallsPerClient)", fault.Status.Detail);
        });
    }

    [Fact]
    public async Task Sample_TokensUsedUp_IsResourceExhaustedAndTellsWhenToComeBack()
    {
        var engine = new FakeGenerator("f");
        engine.Release();
        await using var service = await StartAsync(engine, "--Service:MaxTokensPerMinutePerClient=60");
        await service.Sampling.SampleAsync(Request(49));     // with its prompt 50

        var second = await FaultAsync(async () => await service.Sampling.SampleAsync(Request(49)));
        var never = await FaultAsync(async () => await service.Sampling.SampleAsync(Request(60)));

        Assert.Equal((StatusCode.ResourceExhausted, StatusCode.ResourceExhausted), (second.StatusCode, never.StatusCode));
        Assert.Contains("asks for 50 tokens", second.Status.Detail);
        Assert.Contains("would pass in", second.Status.Detail);
        Assert.Contains("asks for 61 tokens and this client has 60 a minute (Service:MaxTokensPerMinutePerClient): it can never pass", never.Status.Detail);
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
        var fits = await service.Scoring.LogProbsAsync(new LogProbsRequest { Model = "g", Sequences = { sequence } });

        Assert.Equal(StatusCode.ResourceExhausted, logProbs.StatusCode);
        Assert.Contains("asks for 24 tokens", logProbs.Status.Detail);
        Assert.Contains("asks for 24 tokens", divergence.Status.Detail); // policy and reference read them
        Assert.Contains($"asks for {2 * Golden.ClassifierIds[0].Length} tokens", classify.Status.Detail);
        Assert.Single(fits.Results);
    }

    private static Task<RunningService> StartAsync(FakeGenerator engine, params string[] args) => RunningService.StartAsync(
        services => services.AddSingleton<IModelLoader>(new FakeLoader(engine)), [.. RunningService.Model(0, "m", "/"), .. args]);

    private static Task<RpcException> FaultAsync(Func<Task> call) => Assert.ThrowsAsync<RpcException>(call);

    private static SampleRequest Request(int tokens) =>
        new() { Model = "m", Prompts = { Golden.Prompt(1) }, Settings = new SamplerSettings { MaxNewTokens = tokens } };
}
