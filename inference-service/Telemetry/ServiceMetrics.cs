using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Rudder.InferenceService.Telemetry;

/// <summary>The calls' instruments, meter <c>Rudder.InferenceService</c>; docs/telemetry.md lists them.</summary>
internal sealed class ServiceMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Rudder.InferenceService";

    private static readonly KeyValuePair<string, object?> Provider = new(GenAi.ProviderName, GenAi.Provider);
    private static readonly KeyValuePair<string, object?> TextCompletion = new(GenAi.OperationName, GenAi.TextCompletion);

    private readonly Counter<long> _calls;
    private readonly Histogram<double> _duration;
    private readonly UpDownCounter<long> _running;
    private readonly Histogram<double> _requests;
    private readonly Histogram<long> _usage;
    private readonly Counter<long> _scoredTokens;
    private readonly Counter<long> _closedConnections;

    public ServiceMetrics(IMeterFactory factory)
    {
        var meter = factory.Create(MeterName);
        var seconds = new InstrumentAdvice<double> { HistogramBucketBoundaries = GenAi.RequestSeconds };
        _calls = meter.CreateCounter<long>("rudder.calls", "{call}", "Calls ended, by method and status.");
        _duration = meter.CreateHistogram("rudder.call.duration", "s", "Time from a call's start to its end, by method and status.", advice: seconds);
        _running = meter.CreateUpDownCounter<long>("rudder.calls.running", "{call}", "Calls running, by method.");
        _requests = meter.CreateHistogram("gen_ai.server.request.duration", "s", "Time of a call that draws completions, to its last token.", advice: seconds);
        _usage = meter.CreateHistogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens of a finished call that draws completions: its prompts', and those drawn.",
            advice: new InstrumentAdvice<long> { HistogramBucketBoundaries = GenAi.UsageTokens });
        _closedConnections = meter.CreateCounter<long>("rudder.connections.closed", "{connection}", "Connections closed at a limit, by reason.");
        _scoredTokens = meter.CreateCounter<long>("rudder.tokens.scored", "{token}", "Tokens classified or scored, by model.");
    }

    public void CallStarted(string method) => _running.Add(1, new KeyValuePair<string, object?>("method", method));

    /// <summary>A call that was started is over.</summary>
    /// <param name="method">gRPC's name of it, or the HTTP route.</param>
    /// <param name="status">gRPC's status, by name.</param>
    /// <param name="duration">Since its start.</param>
    /// <param name="model">The loaded model it named; null where it came to none.</param>
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
        if (model is not null)
        {
            attributes.Add(GenAi.RequestModel, model);
        }

        if (status != "OK")
        {
            attributes.Add(GenAi.ErrorType, status);
        }

        _requests.Record(duration.TotalSeconds, attributes);
    }

    /// <summary>A call was refused before it started.</summary>
    /// <param name="method">Its name in metrics; never a path that a caller made up.</param>
    /// <param name="status">gRPC's status, by name.</param>
    public void CallRefused(string method, string status) =>
        _calls.Add(1, new KeyValuePair<string, object?>("method", method), new KeyValuePair<string, object?>("status", status));

    /// <summary>A connection was closed at a limit.</summary>
    /// <param name="reason">idle or refused.</param>
    public void ConnectionClosed(string reason) => _closedConnections.Add(1, new KeyValuePair<string, object?>("reason", reason));

    /// <summary>A call's completions are drawn.</summary>
    public void Sampled(string model, int promptTokens, int completionTokens)
    {
        var byModel = new KeyValuePair<string, object?>(GenAi.RequestModel, model);
        _usage.Record(promptTokens, TextCompletion, Provider, byModel, new KeyValuePair<string, object?>(GenAi.TokenType, GenAi.Input));
        _usage.Record(completionTokens, TextCompletion, Provider, byModel, new KeyValuePair<string, object?>(GenAi.TokenType, GenAi.Output));
    }

    /// <summary>Tokens were classified or scored.</summary>
    public void Scored(string model, long tokens) => _scoredTokens.Add(tokens, new KeyValuePair<string, object?>(GenAi.RequestModel, model));
}
