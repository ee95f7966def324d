using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Rudder.InferenceService.Telemetry;

/// <summary>The instruments for calls, meter <c>Rudder.InferenceService</c>; docs/telemetry.md lists them.</summary>
internal sealed class ServiceMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Rudder.InferenceService";

    private static readonly KeyValuePair<string, object?> Provider = new(GenAi.ProviderName, GenAi.Provider);
    private static readonly KeyValuePair<string, object?> TextCompletion = new(GenAi.OperationName, GenAi.TextCompletion);

    private static readonly InstrumentAdvice<double> Seconds = new() { HistogramBucketBoundaries = GenAi.RequestSeconds };

    private readonly Counter<long> _calls;
    private readonly Histogram<double> _duration;
    private readonly UpDownCounter<long> _running;
    private readonly Histogram<double> _requests;
    private readonly Counter<long> _closedConnections;
    private readonly IMeterFactory _factory;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, CallInstruments> _models = new(StringComparer.Ordinal);

    public ServiceMetrics(IMeterFactory factory)
    {
        _factory = factory;
        var meter = factory.Create(MeterName);
        _calls = meter.CreateCounter<long>("rudder.calls", "{call}", "Calls ended, by method and status.");
        _duration = meter.CreateHistogram("rudder.call.duration", "s", "Time from a call's start to its end, by method and status.", advice: Seconds);
        _running = meter.CreateUpDownCounter<long>("rudder.calls.running", "{call}", "Calls running, by method.");
        _requests = CallInstruments.Duration(meter);
        _closedConnections = meter.CreateCounter<long>("rudder.connections.closed", "{connection}", "Connections closed at a limit, by reason.");
    }

    /// <summary>Starts the series of a loaded model. Models that share a name, as during a swap, share its series.</summary>
    /// <param name="model">The model's name.</param>
    public void Loaded(string model)
    {
        lock (_lock)
        {
            if (!_models.TryGetValue(model, out var known))
            {
                // A meter of its own: OpenTelemetry drops the series of an unloaded model only with their meter.
                var meter = new Meter(new MeterOptions(MeterName) { Scope = _factory, Tags = [new(GenAi.RequestModel, model)] });
                _models.Add(model, known = new CallInstruments(meter));
            }

            known.Models++;
        }
    }

    /// <summary>Drops the series of a name with its last model. A call that ends later brings none back.</summary>
    /// <param name="model">The model's name.</param>
    public void Unloaded(string model)
    {
        lock (_lock)
        {
            if (_models.TryGetValue(model, out var known) && --known.Models == 0)
            {
                _models.Remove(model);
                known.Dispose();
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
        if (GenAi.OperationOf(method) is null)
        {
            return;
        }

        var attributes = new TagList { TextCompletion, Provider };
        var known = Of(model);
        if (known is not null)
        {
            attributes.Add(GenAi.RequestModel, model);
        }

        if (status != "OK")
        {
            attributes.Add(GenAi.ErrorType, status);
        }

        (known?.Requests ?? _requests).Record(duration.TotalSeconds, attributes);
    }

    /// <summary>Records a call that was refused before it started.</summary>
    /// <param name="method">Its name in metrics; never a path that a caller made up.</param>
    /// <param name="status">gRPC's status, by name.</param>
    public void CallRefused(string method, string status) =>
        _calls.Add(1, new KeyValuePair<string, object?>("method", method), new KeyValuePair<string, object?>("status", status));

    /// <summary>Records a connection closed at a limit.</summary>
    /// <param name="reason">idle or refused.</param>
    public void ConnectionClosed(string reason) => _closedConnections.Add(1, new KeyValuePair<string, object?>("reason", reason));

    /// <summary>Records the completions of a call.</summary>
    public void Sampled(string model, int promptTokens, int completionTokens)
    {
        var byModel = new KeyValuePair<string, object?>(GenAi.RequestModel, model);
        var usage = Of(model)?.Usage;
        usage?.Record(promptTokens, TextCompletion, Provider, byModel, new KeyValuePair<string, object?>(GenAi.TokenType, GenAi.Input));
        usage?.Record(completionTokens, TextCompletion, Provider, byModel, new KeyValuePair<string, object?>(GenAi.TokenType, GenAi.Output));
    }

    /// <summary>Records classified or scored tokens.</summary>
    public void Scored(string model, long tokens) => Of(model)?.ScoredTokens.Add(tokens, new KeyValuePair<string, object?>(GenAi.RequestModel, model));

    /// <summary>Records a call that was refused or given up at a limit. Allocates nothing.</summary>
    /// <param name="model">The loaded model that it reached.</param>
    /// <param name="reason">Why.</param>
    public void Rejected(string model, string reason) => Of(model)?.Rejections.Add(
        1, new KeyValuePair<string, object?>(GenAi.RequestModel, model), new KeyValuePair<string, object?>("reason", reason));

    private CallInstruments? Of(string? model)
    {
        lock (_lock)
        {
            return model is null ? null : _models.GetValueOrDefault(model);
        }
    }

    /// <summary>Instruments for the calls of one model name.</summary>
    /// <param name="meter">Their meter.</param>
    private sealed class CallInstruments(Meter meter) : IDisposable
    {
        /// <summary>Loaded models of the name.</summary>
        public int Models { get; set; }

        public Histogram<double> Requests { get; } = Duration(meter);

        public Histogram<long> Usage { get; } = meter.CreateHistogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens of a finished call that draws completions: its prompts', and those drawn.",
            advice: new InstrumentAdvice<long> { HistogramBucketBoundaries = GenAi.UsageTokens });

        public Counter<long> ScoredTokens { get; } = meter.CreateCounter<long>("rudder.tokens.scored", "{token}", "Tokens classified or scored, by model.");

        public Counter<long> Rejections { get; } = meter.CreateCounter<long>(
            "rudder.rejections", "{request}", "Calls refused for want of room, or given up, by reason.");

        public void Dispose() => meter.Dispose();

        public static Histogram<double> Duration(Meter meter) => meter.CreateHistogram(
            "gen_ai.server.request.duration", "s", "Time of a call that draws completions, to its last token.", advice: Seconds);
    }
}
