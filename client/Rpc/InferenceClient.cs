using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Polly;
using Rudder.Inference.V1;

namespace Rudder.Client.Rpc;

/// <summary>The service's calls, each with a deadline per attempt and the retry policy around it.</summary>
internal sealed class InferenceClient : IDisposable
{
    private const int MaxMessageBytes = 256 * 1024 * 1024;
    private static readonly TimeSpan HealthDeadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstNotice = TimeSpan.FromSeconds(10);

    private readonly GrpcChannel _channel;
    private readonly ResiliencePipeline _retries;
    private readonly CallSettings _settings;
    private readonly TimeProvider _time;
    private readonly Action<string> _log;
    private readonly Sampling.SamplingClient _sampling;
    private readonly Scoring.ScoringClient _scoring;
    private readonly Models.ModelsClient _models;
    private readonly Health.HealthClient _health;
    private readonly ServiceAccess _access;

    /// <summary>Opens a channel; nothing is sent until the first call.</summary>
    /// <param name="address">e.g. http://127.0.0.1:5080 (HTTP/2 without TLS) or https://…</param>
    /// <param name="settings">Deadline and retries.</param>
    /// <param name="time">Clock.</param>
    /// <param name="log">Receives a line for each retry, and for each call that stays unanswered: after 10 s, 20 s, 40 s and so on.</param>
    /// <param name="access">Key and certificates; null for a service that asks for neither.</param>
    public InferenceClient(Uri address, CallSettings settings, TimeProvider time, Action<string>? log = null, ServiceAccess? access = null)
    {
        Address = address;
        _access = access ?? ServiceAccess.Open;
        _settings = settings.Validated();
        _time = time;
        _log = log ?? (_ => { });
        _retries = RetryPolicy.Build(settings, time, _log);
        _channel = GrpcChannel.ForAddress(
            address,
            new GrpcChannelOptions
            {
                MaxReceiveMessageSize = MaxMessageBytes,
                MaxSendMessageSize = MaxMessageBytes,
                HttpHandler = _access.Handler(),
                DisposeHttpClient = true,
            });
        _sampling = new(_channel);
        _scoring = new(_channel);
        _models = new(_channel);
        _health = new(_channel);
    }

    /// <summary>The service.</summary>
    public Uri Address { get; }

    /// <summary>Completions of prompts.</summary>
    public Task<SampleResponse> SampleAsync(SampleRequest request, CancellationToken cancel) =>
        CallAsync("Sampling.Sample", options => _sampling.SampleAsync(request, options), cancel);

    /// <summary>Tokens as they are drawn, without retries: a stream cannot be repeated halfway. The deadline covers all of it.</summary>
    public async IAsyncEnumerable<SampleStreamResponse> SampleStreamAsync(
        SampleRequest request, [EnumeratorCancellation] CancellationToken cancel)
    {
        using AsyncServerStreamingCall<SampleStreamResponse> call = _sampling.SampleStream(request, Options(_settings.Deadline, cancel));
        while (await NextAsync("Sampling.SampleStream", call.ResponseStream, cancel))
        {
            yield return call.ResponseStream.Current;
        }
    }

    /// <summary>Label probabilities of texts.</summary>
    public Task<ClassifyResponse> ClassifyAsync(ClassifyRequest request, CancellationToken cancel) =>
        CallAsync("Scoring.Classify", options => _scoring.ClassifyAsync(request, options), cancel);

    /// <summary>KL of a policy against a reference.</summary>
    public Task<DivergenceResponse> DivergenceAsync(DivergenceRequest request, CancellationToken cancel) =>
        CallAsync("Scoring.Divergence", options => _scoring.DivergenceAsync(request, options), cancel);

    /// <summary>Text to ids.</summary>
    public Task<EncodeResponse> EncodeAsync(EncodeRequest request, CancellationToken cancel) =>
        CallAsync("Models.Encode", options => _models.EncodeAsync(request, options), cancel);

    /// <summary>Ids to text.</summary>
    public Task<DecodeResponse> DecodeAsync(DecodeRequest request, CancellationToken cancel) =>
        CallAsync("Models.Decode", options => _models.DecodeAsync(request, options), cancel);

    /// <summary>Loads a model folder under a name.</summary>
    public async Task<ModelInfo> LoadAsync(LoadModelRequest request, CancellationToken cancel) =>
        (await CallAsync("Models.Load", options => _models.LoadAsync(request, options), cancel)).Model;

    /// <summary>Drains and drops a model.</summary>
    public Task UnloadAsync(string name, CancellationToken cancel) =>
        CallAsync("Models.Unload", options => _models.UnloadAsync(new UnloadModelRequest { Name = name }, options), cancel);

    /// <summary>A loaded model by name; the error names those that are loaded.</summary>
    public async Task<ModelInfo> FindModelAsync(string name, ModelKind kind, CancellationToken cancel)
    {
        ListModelsResponse list = await CallAsync("Models.List", options => _models.ListAsync(new ListModelsRequest(), options), cancel);
        string loaded = list.Models.Count == 0 ? "none" : string.Join(", ", list.Models.Select(m => $"'{m.Name}'"));
        ModelInfo model = list.Models.FirstOrDefault(m => m.Name == name)
            ?? throw new BadInputException(
                $"The service at {Address} has no model '{name}' loaded.{Spelling.Hint(name, list.Models.Select(m => m.Name))} It has {loaded}."
            );
        return model.Kind == kind
            ? model
            : throw new BadInputException($"Model '{name}' is a {Word(model.Kind)}, but a {Word(kind)} is needed here.");
    }

    /// <summary>Asks for the service's health, without retries. The limit is 5 s: health has no work to do.</summary>
    public async Task<ServiceHealth> HealthAsync(CancellationToken cancel)
    {
        TimeSpan limit = _settings.Deadline < HealthDeadline ? _settings.Deadline : HealthDeadline;
        try
        {
            using AsyncUnaryCall<HealthCheckResponse> call = _health.CheckAsync(new HealthCheckRequest(), Options(limit, cancel));
            return ServiceHealth.Of((await call.ResponseAsync).Status);
        }
        catch (RpcException cause)
        {
            return cancel.IsCancellationRequested
                ? throw new OperationCanceledException(cause.Message, cause, cancel)
                : ServiceHealth.Of(cause.Status);
        }
    }

    public void Dispose() => _channel.Dispose();

    private static string Word(ModelKind kind) => kind == ModelKind.Classifier ? "classifier" : "generator";

    private CallOptions Options(TimeSpan limit, CancellationToken cancel) =>
        new(headers: _access.Headers(), deadline: _time.GetUtcNow().UtcDateTime + limit, cancellationToken: cancel);

    private async Task<T> CallAsync<T>(string name, Func<CallOptions, AsyncUnaryCall<T>> start, CancellationToken cancel)
    {
        try
        {
            return await _retries.ExecuteAsync(
                async token =>
                {
                    using AsyncUnaryCall<T> call = start(Options(_settings.Deadline, token));
                    return await AnswerAsync(name, call.ResponseAsync);
                },
                cancel);
        }
        catch (RpcException cause)
        {
            throw Failure(name, cause, cancel);
        }
    }

    private async Task<bool> NextAsync<T>(string name, IAsyncStreamReader<T> stream, CancellationToken cancel)
    {
        try
        {
            return await stream.MoveNext(cancel);
        }
        catch (RpcException cause)
        {
            throw Failure(name, cause, cancel);
        }
    }

    private Exception Failure(string name, RpcException cause, CancellationToken cancel) =>
        cancel.IsCancellationRequested
            ? new OperationCanceledException(cause.Message, cause, cancel)
            : new ServiceException(name, Address, cause);

    /// <summary>Waits for an answer, and says so when it takes long.</summary>
    private async Task<T> AnswerAsync<T>(string name, Task<T> answer)
    {
        TimeSpan waited = TimeSpan.Zero;
        for (TimeSpan wait = FirstNotice; ; wait = waited)
        {
            try
            {
                return await answer.WaitAsync(wait, _time);
            }
            catch (TimeoutException) when (!answer.IsCompleted)
            {
                waited += wait;
                _log(
                    $"waiting for {name} at {Address}: no answer for {waited.TotalSeconds:0} s, giving up after {_settings.Deadline.TotalSeconds:0} s"
                );
            }
        }
    }
}
