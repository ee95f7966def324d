using Grpc.Core;
using Grpc.Health.V1;
using Rudder.Inference.V1;

namespace Rudder.Client.Tests.FakeService;

/// <summary>Sampling of the fake.</summary>
internal sealed class FakeSampling(FakeServer server) : Sampling.SamplingBase
{
    public override async Task<SampleResponse> Sample(SampleRequest request, ServerCallContext context)
    {
        await server.ReceiveAsync("Sample", request, context);
        SampleResponse response = new();
        (response.Fingerprint, response.Precision) = server.Identity(request.Model, server.Count("Sample") - 1);
        response.Completions.Add(
            Enumerable
                .Range(0, request.Prompts.Count)
                .SelectMany(prompt => Enumerable.Range(0, request.N).Select(sample => FakeModels.Complete(request, prompt, sample)))
        );
        return response;
    }

    public override async Task SampleStream(
        SampleRequest request, IServerStreamWriter<SampleStreamResponse> stream, ServerCallContext context)
    {
        await server.ReceiveAsync("SampleStream", request, context);
        Usage usage = new() { PromptTokens = request.Prompts.Sum(prompt => prompt.Ids.Ids.Count) };
        for (int sample = 0; sample < request.N; sample++)
        {
            Completion completion = FakeModels.Complete(request, 0, sample);
            usage.CompletionTokens += completion.Ids.Count;
            foreach (int id in completion.Ids)
            {
                await stream.WriteAsync(new SampleStreamResponse { Token = new TokenDrawn { SampleIndex = sample, Id = id } });
            }

            await stream.WriteAsync(new SampleStreamResponse { Finished = completion });
        }

        await stream.WriteAsync(new SampleStreamResponse { End = new StreamEnd { Usage = usage } });
    }
}

/// <summary>Scoring of the fake.</summary>
internal sealed class FakeScoring(FakeServer server) : Scoring.ScoringBase
{
    public override async Task<ClassifyResponse> Classify(ClassifyRequest request, ServerCallContext context)
    {
        await server.ReceiveAsync("Classify", request, context);
        bool scores = request.Model == FakeModels.RewardModel;
        ClassifyResponse response = new() { Labels = { scores ? ["LABEL_0"] : (string[])["NEGATIVE", "POSITIVE"] } };
        (response.Fingerprint, response.Precision) = server.Identity(request.Model, server.Count("Classify") - 1);
        response.Results.Add(
            request
                .Inputs.SkipLast(server.Withheld)
                .Select(input => scores ? Scored(FakeModels.Score(input.Text)) : Judged((float)FakeModels.Positive(input.Text)))
        );
        return response;
    }

    private static Classification Scored(float score) => new() { Probabilities = { score }, Windows = 1 };

    private static Classification Judged(float positive) => new() { Probabilities = { 1 - positive, positive }, Windows = 1 };

    public override async Task<DivergenceResponse> Divergence(DivergenceRequest request, ServerCallContext context)
    {
        await server.ReceiveAsync("Divergence", request, context);
        int before = server.Count("Divergence") - 1;
        DivergenceResponse response = new() { Results = { request.Sequences.SkipLast(server.Withheld).Select(FakeModels.Diverge) } };
        (response.ModelFingerprint, response.ModelPrecision) = server.Identity(request.Model, before);
        (response.ReferenceFingerprint, response.ReferencePrecision) = server.Identity(request.Reference, before);
        return response;
    }
}

/// <summary>Models of the fake.</summary>
internal sealed class FakeModelsService(FakeServer server) : Models.ModelsBase
{
    public override async Task<ListModelsResponse> List(ListModelsRequest request, ServerCallContext context)
    {
        await server.ReceiveAsync("List", request, context);
        return new ListModelsResponse { Models = { server.Held } };
    }

    public override async Task<LoadModelResponse> Load(LoadModelRequest request, ServerCallContext context)
    {
        await server.ReceiveAsync("Load", request, context);
        return new LoadModelResponse { Model = new ModelInfo { Name = request.Name } };
    }

    public override async Task<UnloadModelResponse> Unload(UnloadModelRequest request, ServerCallContext context)
    {
        await server.ReceiveAsync("Unload", request, context);
        return new UnloadModelResponse();
    }

    public override async Task<EncodeResponse> Encode(EncodeRequest request, ServerCallContext context)
    {
        await server.ReceiveAsync("Encode", request, context);
        return FakeModels.List.Any(model => model.Name == request.Model)
            ? new EncodeResponse { Results = { request.Texts.SkipLast(server.Withheld).Select(text => new TokenIds { Ids = { FakeModels.Encode(text) } }) } }
            : throw FakeModels.NotFound(request.Model);
    }

    public override async Task<DecodeResponse> Decode(DecodeRequest request, ServerCallContext context)
    {
        await server.ReceiveAsync("Decode", request, context);
        return new DecodeResponse { Texts = { request.Sequences.SkipLast(server.Withheld).Select(sequence => FakeModels.Decode(sequence.Ids)) } };
    }
}

/// <summary>Health of the fake.</summary>
internal sealed class FakeHealth(FakeServer server) : Health.HealthBase
{
    public override async Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        await server.ReceiveAsync("Check", request, context);
        return new HealthCheckResponse
        {
            Status = server.Serving ? HealthCheckResponse.Types.ServingStatus.Serving : HealthCheckResponse.Types.ServingStatus.NotServing,
        };
    }
}
