using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.Inference.V1;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;
using WireEngine = Rudder.Inference.V1.Engine;

namespace Rudder.InferenceService.Grpc;

/// <summary>Lists, loads and unloads models, and gives access to their tokenizers.</summary>
internal sealed class ModelsService(EngineHost models, ModelFolders folders, EngineOptions options, ServiceState state)
    : Inference.V1.Models.ModelsBase
{
    private const int MaxPathLength = 4096;

    public override Task<ListModelsResponse> List(ListModelsRequest request, ServerCallContext context)
    {
        var response = new ListModelsResponse();
        response.Models.AddRange(models.Models().Select(Describe));
        return Task.FromResult(response);
    }

    [Authorize(Caller.Admin)]
    public override async Task<LoadModelResponse> Load(LoadModelRequest request, ServerCallContext context)
    {
        string name = RequestLimits.Name("name", request.Name, "Give the name that calls will use.");
        RequestLimits.Length("path", request.Path.Length, 1, MaxPathLength, "characters", "Name a model folder inside the service's model roots.");
        var source = folders.Source(name, request.Path, EngineOf(request.Engine), PrecisionOf(request.Precision));
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, state.Ended);
        return new LoadModelResponse { Model = Describe(await models.LoadModelAsync(source, ended.Token)) };
    }

    [Authorize(Caller.Admin)]
    public override async Task<UnloadModelResponse> Unload(UnloadModelRequest request, ServerCallContext context)
    {
        await models.UnloadAsync(RequestLimits.Name("name", request.Name)).WaitAsync(context.CancellationToken);
        return new UnloadModelResponse();
    }

    public override Task<EncodeResponse> Encode(EncodeRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        RequestLimits.Count("texts", request.Texts.Count, options.MaxInputs);
        var response = new EncodeResponse();
        for (int i = 0; i < request.Texts.Count; i++)
        {
            call.Cancellation.ThrowIfCancellationRequested(); // skips the rest if the caller has gone
            var ids = new TokenIds();
            ids.Ids.AddRange(call.Model.Encode($"texts[{i}]", request.Texts[i]));
            response.Results.Add(ids);
        }

        return Task.FromResult(response);
    }

    public override Task<DecodeResponse> Decode(DecodeRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        RequestLimits.Count("sequences", request.Sequences.Count, options.MaxInputs);
        var response = new DecodeResponse();
        for (int i = 0; i < request.Sequences.Count; i++)
        {
            call.Cancellation.ThrowIfCancellationRequested();
            response.Texts.Add(call.Model.Decode($"sequences[{i}].ids", request.Sequences[i].Ids));
        }

        return Task.FromResult(response);
    }

    /// <summary>A model's precision as replies state it.</summary>
    /// <param name="model">The model.</param>
    public static Precision PrecisionOf(LoadedModel model) => model.Source.Precision switch
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

    private static ModelInfo Describe(LoadedModel model)
    {
        var info = new ModelInfo
        {
            Name = model.Name,
            Kind = model.Classifier is null ? ModelKind.Generator : ModelKind.Classifier,
            Engine = model.Generator is null ? WireEngine.Unspecified : model.Source.Engine == EngineKind.Slots ? WireEngine.Slots : WireEngine.Genai,
            Precision = PrecisionOf(model),
            Fingerprint = model.Fingerprint,
            Vocabulary = model.Vocabulary,
            Context = model.SlotTokens,
            HasTokenizer = model.Tokenizer is not null,
            Slots = model.Generator?.Info.Slots ?? 0,
        };
        info.Labels.AddRange(model.Classifier?.Labels ?? []);
        if (model.EosId is { } eos)
        {
            info.EosId = eos;
        }

        return info;
    }
}
