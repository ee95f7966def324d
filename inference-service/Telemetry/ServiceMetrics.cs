using System.Diagnostics;
using System.Diagnostics.Metrics;
using Rudder.Engine.Telemetry;

namespace Rudder.InferenceService.Telemetry;

/// <summary>The instruments for calls, meter <c>Rudder.InferenceService</c>; docs/telemetry.md lists them.</summary>
internal sealed class ServiceMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Rudder.InferenceService";

    /// <summary>Attribute: the status of a failed call; absent on success.</summary>
    public const string ErrorType = "error.type";

    private static readonly KeyValuePair<string, object?> Provider = new(GenAiTags.ProviderName, GenAiTags.Provider);
    private static readonly KeyValuePair<string, object?> TextCompletion = new(GenAiTags.OperationName, GenAiTags.TextCompletion);

    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
    };

    private static readonly InstrumentAdvice<long> UsageTokens = new()
    {
        HistogramBucketBoundaries = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864],
    };

    private readonly IMeterFactory _factory;
    private readonly Counter<long> _calls;
    private readonly Histogram<double> _duration;
    private readonly UpDownCounter<long> _running;
    private readonly Histogram<double> _requests;
    private readonly Counter<long> _closedConnections;

    // A meter for each name: OpenTelemetry drops the series of an unloaded model only with their meter.
    private readonly Dictionary<string, CallInstruments> _models = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    public ServiceMetrics(IMeterFactory factory)
    {
        _factory = factory;
        var meter = factory.Create(MeterName);
        _calls = meter.CreateCounter<long>("rudder.calls", "{call}", "Calls ended, by method and status.");
        _duration = meter.CreateHistogram("rudder.call.duration", "s", "Time from a call's start to its end, by method and status.", advice: Seconds);
        _running = meter.CreateUpDownCounter<long>("rudder.calls.running", "{call}", "Calls running, by method.");
        _requests = Requests(meter);
        _closedConnections = meter.CreateCounter<long>("rudder.connections.closed", "{connection}", "Connections closed at a limit, by reason.");
    }

    /// <summary>Starts the series of a loaded model. Models that share a name, as during a swap, share its series.</summary>
    public void Loaded(string model)
    {
        lock (_lock)
        {
            if (!_models.TryGetValue(model, out var known))
            {
                _models.Add(model, known = CallInstruments.Of(model, _factory));
            }

            known.Models++;
        }
    }

    /// <summary>Drops the series of a name with its last model. A call that ends later brings none back.</summary>
    public void Unloaded(string model)
    {
        lock (_lock)
        {
            if (_models.TryGetValue(model, out var known) && --known.Models == 0)
            {
                _models.Remove(model);
                known.Meter.Dispose();
            }
        }
    }

    public void CallStarted(string method) => _running.Add(1, new KeyValuePair<string, object?>("method", method));

    /// <summary>Records the end of a started call.</summary>
    /// <param name="method">The gRPC method or the HTTP route.</param>
    /// <param name="status">gRPC's status, by name.</param>
    /// <param name="duration">Since its start.</param>
    /// <param name="model">The loaded model it used; null if it reached none.</param>
    public void CallEnded(string method, string status, TimeSpan duration, string? model = null)
    {
        var byMethod = new KeyValuePair<string, object?>("method", method);
        var byStatus = new KeyValuePair<string, object?>("status", status);
        _running.Add(-1, byMethod);
        _calls.Add(1, byMethod, byStatus);
        _duration.Record(duration.TotalSeconds, byMethod, byStatus);
        if (EndpointNames.OperationOf(method) is null)
        {
            return;
        }

        var attributes = new TagList { TextCompletion, Provider };
        var known = Of(model);
        if (known is not null)
        {
            attributes.Add(GenAiTags.RequestModel, model);
        }

        if (status != "OK")
        {
            attributes.Add(ErrorType, status);
        }

        (known?.Requests ?? _requests).Record(duration.TotalSeconds, attributes);
    }

    /// <summary>Records a call that was refused before it started.</summary>
    /// <param name="method">Its name in metrics; never a path that a caller made up.</param>
    /// <param name="status">gRPC's status, by name.</param>
    public void CallRefused(string method, string status) =>
        _calls.Add(1, new KeyValuePair<string, object?>("method", method), new KeyValuePair<string, object?>("status", status));

    /// <summary>Records a call that a capacity limit refused or ended. Two attributes fit on the stack, so this allocates nothing.</summary>
    public void Rejected(string model, string reason) => Of(model)?.Rejections.Add(
        1, new KeyValuePair<string, object?>(GenAiTags.RequestModel, model), new KeyValuePair<string, object?>("reason", reason));

    /// <summary>Records a connection closed at a limit.</summary>
    /// <param name="reason">idle or refused.</param>
    public void ConnectionClosed(string reason) => _closedConnections.Add(1, new KeyValuePair<string, object?>("reason", reason));

    /// <summary>Records the completions of a call.</summary>
    public void Sampled(string model, int promptTokens, int completionTokens)
    {
        var byModel = new KeyValuePair<string, object?>(GenAiTags.RequestModel, model);
        var usage = Of(model)?.Usage;
        usage?.Record(promptTokens, TextCompletion, Provider, byModel, new KeyValuePair<string, object?>(GenAiTags.TokenType, GenAiTags.Input));
        usage?.Record(completionTokens, TextCompletion, Provider, byModel, new KeyValuePair<string, object?>(GenAiTags.TokenType, GenAiTags.Output));
    }

    /// <summary>Records classified or scored tokens.</summary>
    public void Scored(string model, long tokens) => Of(model)?.ScoredTokens.Add(tokens, new KeyValuePair<string, object?>(GenAiTags.RequestModel, model));

    private static Histogram<double> Requests(Meter meter) => meter.CreateHistogram(
        "gen_ai.server.request.duration", "s", "Time of a call that draws completions, to its last token.", advice: Seconds);

    private CallInstruments? Of(string? model)
    {
        lock (_lock)
        {
            return model is null ? null : _models.GetValueOrDefault(model);
        }
    }

    private sealed record CallInstruments(
        Meter Meter, Histogram<double> Requests, Histogram<long> Usage, Counter<long> ScoredTokens, Counter<long> Rejections)
    {
        /// <summary>Loaded models of the name.</summary>
        public int Models { get; set; }

        public static CallInstruments Of(string model, IMeterFactory scope)
        {
            var meter = new Meter(new MeterOptions(MeterName) { Scope = scope, Tags = [new(GenAiTags.RequestModel, model)] });
            return new CallInstruments(
                meter,
                ServiceMetrics.Requests(meter),
                meter.CreateHistogram(
                    "gen_ai.client.token.usage",
                    "{token}",
                    "Tokens of a finished call that draws completions: its prompts', and those drawn.",
                    advice: UsageTokens),
                meter.CreateCounter<long>("rudder.tokens.scored", "{token}", "Tokens classified or scored, by model."),
                meter.CreateCounter<long>("rudder.rejections", "{request}", "Calls refused for lack of room, or given up, by reason."));
        }
    }
}
