using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Inference.V1;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;
using WireEngine = Rudder.Inference.V1.Engine;

namespace Rudder.InferenceService.Grpc;

/// <summary>Lists, loads and unloads models, and gives access to their tokenizers.</summary>
internal sealed class ModelsService(EngineHost models, ModelFolders folders, ServiceState state)
    : Inference.V1.Models.ModelsBase
{
    public override Task<ListModelsResponse> List(ListModelsRequest request, ServerCallContext context)
    {
        var response = new ListModelsResponse();
        response.Models.AddRange(models.List().Select(Describe));
        return Task.FromResult(response);
    }

    [Authorize(Caller.Admin)]
    public override async Task<LoadModelResponse> Load(LoadModelRequest request, ServerCallContext context)
    {
        var source = folders.Source(request.Name, request.Path, EngineOf(request.Engine), PrecisionOf(request.Precision));
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, state.Ended);
        return new LoadModelResponse { Model = Describe(await models.LoadAsync(source, ended.Token)) };
    }

    [Authorize(Caller.Admin)]
    public override async Task<UnloadModelResponse> Unload(UnloadModelRequest request, ServerCallContext context)
    {
        await models.UnloadAsync(request.Name).WaitAsync(context.CancellationToken);
        return new UnloadModelResponse();
    }

    public override Task<EncodeResponse> Encode(EncodeRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        var response = new EncodeResponse();
        response.Results.AddRange(call.Model.Encode(request.Texts, cancellation: call.Cancellation).Select(ids => new TokenIds { Ids = { ids } }));
        return Task.FromResult(response);
    }

    public override Task<DecodeResponse> Decode(DecodeRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        var response = new DecodeResponse();
        response.Texts.AddRange(call.Model.Decode([.. request.Sequences.Select(sequence => sequence.Ids)], call.Cancellation));
        return Task.FromResult(response);
    }

    /// <summary>A model's precision as replies state it.</summary>
    /// <param name="model">The model.</param>
    public static Precision PrecisionOf(ModelDescription model) => model.Source.Precision switch
    {
        GraphPrecision.Int8 => Precision.Int8,
        GraphPrecision.Fp16 => Precision.Fp16,
        _ => Precision.Fp32,
    };

    private static EngineKind EngineOf(WireEngine engine) => engine switch
    {
        WireEngine.Unspecified or WireEngine.Slots => EngineKind.Slots,
        WireEngine.Genai => EngineKind.GenAi,
        _ => throw new RequestFault("engine", $"is {(int)engine}", "it takes 0 (default), 1 (slots) or 2 (GenAI)", ""),
    };

    private static GraphPrecision PrecisionOf(Precision precision) => precision switch
    {
        Precision.Unspecified or Precision.Fp32 => GraphPrecision.Fp32,
        Precision.Int8 => GraphPrecision.Int8,
        Precision.Fp16 => GraphPrecision.Fp16,
        _ => throw new RequestFault("precision", $"is {(int)precision}", "it takes 0 (default), 1 (fp32), 2 (int8) or 3 (fp16)", ""),
    };

    private static ModelInfo Describe(ModelDescription model)
    {
        var info = new ModelInfo
        {
            Name = model.Name,
            Kind = model.Generates ? ModelKind.Generator : ModelKind.Classifier,
            Engine = !model.Generates ? WireEngine.Unspecified : model.Source.Engine == EngineKind.Slots ? WireEngine.Slots : WireEngine.Genai,
            Precision = PrecisionOf(model),
            Fingerprint = model.Fingerprint,
            Vocabulary = model.Vocabulary,
            Context = model.Context,
            HasTokenizer = model.HasTokenizer,
            TokenizerLibrary = model.TokenizerLibrary ?? "",
            Slots = model.Slots,
            Labels = { model.Labels },
        };
        if (model.EosId is { } eos)
        {
            info.EosId = eos;
        }

        return info;
    }
}
