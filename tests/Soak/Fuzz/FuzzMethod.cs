using Google.Protobuf;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Rudder.Inference.V1;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>A method of the service that takes any bytes for a request.</summary>
internal sealed class FuzzMethod
{
    private const string SamplingName = "inference.v1.Sampling";
    private const string ScoringName = "inference.v1.Scoring";
    private const string ModelsName = "inference.v1.Models";
    private const string HealthName = "grpc.health.v1.Health";
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create<byte[]>(bytes => bytes, bytes => bytes);
    private readonly Method<byte[], byte[]> _rpc;
    private readonly MessageParser _parser;

    private FuzzMethod(MethodType type, string service, string name, MessageParser parser, params IMessage[] valid)
    {
        _rpc = new Method<byte[], byte[]>(type, service, name, Bytes, Bytes);
        _parser = parser;
        Valid = [.. valid.Select(message => message.ToByteArray())];
    }

    /// <summary>Every method, with valid requests to mutate. Load and Unload name nothing that is there: models must stay.</summary>
    public static IReadOnlyList<FuzzMethod> All { get; } =
    [
        new(MethodType.Unary, SamplingName, "Sample", SampleRequest.Parser, Sample(FuzzedService.Ids, Golden.Prompt(1, 2, 3)), SampleText()),
        new(MethodType.ServerStreaming, SamplingName, "SampleStream", SampleRequest.Parser, Sample(FuzzedService.Ids, Golden.Prompt(4, 5)), SampleText()),
        new(
            MethodType.Unary, ScoringName, "Classify", ClassifyRequest.Parser,
            new ClassifyRequest { Model = FuzzedService.Labels, Inputs = { new ClassifyInput { Text = FuzzedService.Marker } } },
            new ClassifyRequest { Model = FuzzedService.Labels, Inputs = { new ClassifyInput { Ids = new TokenIds { Ids = { 0, 9, 2 } } } } }),
        new(
            MethodType.Unary, ScoringName, "LogProbs", LogProbsRequest.Parser,
            new LogProbsRequest { Model = FuzzedService.Ids, Sequences = { new Sequence { PromptIds = { 1, 2 }, CompletionIds = { 3, 4 } } } }),
        new(
            MethodType.Unary, ScoringName, "Divergence", DivergenceRequest.Parser,
            new DivergenceRequest
            {
                Model = FuzzedService.Ids,
                Reference = FuzzedService.Text,
                Sequences = { new Sequence { PromptIds = { 1 }, CompletionIds = { 3 } } },
            }),
        new(MethodType.Unary, ModelsName, "List", ListModelsRequest.Parser, new ListModelsRequest()),
        new(
            MethodType.Unary, ModelsName, "Load", LoadModelRequest.Parser,
            new LoadModelRequest { Name = "new", Path = FuzzedService.Marker, Engine = Inference.V1.Engine.Slots, Precision = Precision.Fp32 }),
        new(MethodType.Unary, ModelsName, "Unload", UnloadModelRequest.Parser, new UnloadModelRequest { Name = "nothing-of-this-name" }),
        new(
            MethodType.Unary, ModelsName, "Encode", EncodeRequest.Parser,
            new EncodeRequest { Model = FuzzedService.Text, Texts = { FuzzedService.Marker, "b" } }),
        new(
            MethodType.Unary, ModelsName, "Decode", DecodeRequest.Parser,
            new DecodeRequest { Model = FuzzedService.Text, Sequences = { new TokenIds { Ids = { 1, 2, 3 } } } }),
        new(MethodType.Unary, HealthName, "Check", HealthCheckRequest.Parser, new HealthCheckRequest { Service = SamplingName }),
        new(MethodType.ServerStreaming, HealthName, "Watch", HealthCheckRequest.Parser, new HealthCheckRequest { Service = FuzzedService.Marker }),
    ];

    /// <summary>Name, e.g. <c>Sample</c>.</summary>
    public string Name => _rpc.Name;

    /// <summary>Path of the request, e.g. <c>/inference.v1.Sampling/Sample</c>.</summary>
    public string Path => _rpc.FullName;

    /// <summary>Valid requests.</summary>
    public IReadOnlyList<byte[]> Valid { get; }

    /// <summary>Whether the bytes are a message of the request's type.</summary>
    public bool Parses(byte[] request)
    {
        try
        {
            _parser.ParseFrom(request);
            return true;
        }
        catch (Exception)
        {
            return false; // whatever the parser throws here it throws in the service
        }
    }

    /// <summary>Calls it and waits for the end; of Watch, which does not end, for the first answer.</summary>
    /// <returns>The call's status.</returns>
    public async Task<Status> CallAsync(GrpcChannel channel, byte[] request)
    {
        var options = new CallOptions(deadline: TimeProvider.System.GetUtcNow().UtcDateTime + FuzzRun.Limit);
        var invoker = channel.CreateCallInvoker();
        try
        {
            if (_rpc.Type == MethodType.Unary)
            {
                using var unary = invoker.AsyncUnaryCall(_rpc, null, options, request);
                await unary.ResponseAsync;
                return unary.GetStatus();
            }

            using var stream = invoker.AsyncServerStreamingCall(_rpc, null, options, request);
            bool more = true;
            while (more)
            {
                more = await stream.ResponseStream.MoveNext(CancellationToken.None) && Name != "Watch";
            }

            return new Status(StatusCode.OK, "");
        }
        catch (RpcException fault)
        {
            return fault.Status;
        }
    }

    private static SampleRequest Sample(string model, Prompt prompt) => new()
    {
        Model = model,
        Prompts = { prompt },
        N = 2,
        Logprobs = true,
        TopLogprobs = 2,
        Settings = new SamplerSettings { Temperature = 0.7f, TopK = 9, TopP = 0.9f, MinP = 0.01f, MaxNewTokens = 3, StopIds = { 7 }, Seed = 5 },
    };

    private static SampleRequest SampleText()
    {
        var request = Sample(FuzzedService.Text, new Prompt { Text = FuzzedService.Marker, Seed = 3 });
        request.Settings.StopStrings.Add(FuzzedService.Marker);
        return request;
    }
}
