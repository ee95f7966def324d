using Grpc.Core;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>Engine and precision as the settings of each model say, through the whole service.</summary>
public sealed class EngineChoiceTests
{
    [Fact]
    public async Task Sample_OnGenAi_GivesTheGoldenIdsAndRefusesWhatItCannot()
    {
        await using var service = await RunningService.StartAsync(RunningService.Model(0, "m", ModelCopies.Fixture("tiny-gpt2"), engine: "genai"));
        var request = new SampleRequest
        {
            Model = "m",
            Prompts = { Golden.Greedy.Select(ids => Golden.Prompt(ids[..5])) },
            Settings = new SamplerSettings { Temperature = 0, MaxNewTokens = 20 },
        };

        var reply = await service.Sampling.SampleAsync(request);
        Assert.Equal(Golden.Greedy.Select(ids => ids[5..]), reply.Completions.Select(completion => completion.Ids.ToArray()));
        Assert.Equal(Inference.V1.Engine.Genai, (await service.Models.ListAsync(new ListModelsRequest())).Models[0].Engine);

        request.Settings.MinP = 0.1f;
        await RefusedAsync(service, request, "settings.min_p");
        request.Settings.ClearMinP();
        request.Prompts[1].Seed = 5;
        await RefusedAsync(service, request, "prompts[1].seed");
    }

    [Fact]
    public async Task Sample_OnInt8Graphs_IsNearTheFp32Scores()
    {
        string folder = ModelCopies.Fixture("tiny-gpt2");
        await using var service = await RunningService.StartAsync([.. RunningService.Model(0, "m", folder), "--Service:Models:0:Precision=int8"]);

        var reply = await service.Sampling.SampleAsync(new SampleRequest { Model = "m", Prompts = { Golden.Prompt(1, 2, 3) }, N = 8 });
        var scores = await service.Scoring.LogProbsAsync(new LogProbsRequest
        {
            Model = "m",
            Sequences = { reply.Completions.Select(c => new Sequence { PromptIds = { c.PromptIds }, CompletionIds = { c.Ids } }) },
        });

        Assert.Equal((Precision.Int8, Precision.Int8), (reply.Precision, scores.Precision));
        Assert.Equal(Precision.Int8, (await service.Models.ListAsync(new ListModelsRequest())).Models[0].Precision);

        // Scores are always fp32: near the int8 log-probs (0.1 nat a token is far above the quantisation's error), and not equal to them.
        Assert.All(reply.Completions.Zip(scores.Results), pair => Assert.Equal(pair.Second.Sum, pair.First.SumLogProb, 0.1 * pair.First.Ids.Count));
        Assert.NotEqual(scores.Results[0].Sum, reply.Completions[0].SumLogProb, 1e-9);
    }

    private static async Task RefusedAsync(RunningService service, SampleRequest request, string field)
    {
        var fault = await Assert.ThrowsAsync<RpcException>(async () => await service.Sampling.SampleAsync(request));

        Assert.Equal(StatusCode.Unimplemented, fault.StatusCode);
        Assert.Contains(field, fault.Status.Detail);
    }
}
