using System.Diagnostics.Metrics;

namespace Rudder.InferenceService.Telemetry;

/// <summary>The service's instruments, meter <c>Rudder.InferenceService</c>.</summary>
internal sealed class ServiceMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Rudder.InferenceService";

    private readonly Counter<long> _calls;
    private readonly Histogram<double> _duration;
    private readonly UpDownCounter<long> _running;
    private readonly Counter<long> _promptTokens;
    private readonly Counter<long> _completionTokens;
    private readonly Counter<long> _scoredTokens;

    public ServiceMetrics(IMeterFactory factory)
    {
        var meter = factory.Create(MeterName);
        _calls = meter.CreateCounter<long>("rudder.calls", "{call}", "Calls ended, by method and status.");
        _duration = meter.CreateHistogram<double>("rudder.call.duration", "s", "Time from a call's start to its end, by method and status.");
        _running = meter.CreateUpDownCounter<long>("rudder.calls.running", "{call}", "Calls running, by method.");
        _promptTokens = meter.CreateCounter<long>("rudder.tokens.prompt", "{token}", "Prompt tokens of finished Sample calls, by model.");
        _completionTokens = meter.CreateCounter<long>("rudder.tokens.completion", "{token}", "Tokens drawn in finished Sample calls, by model.");
        _scoredTokens = meter.CreateCounter<long>("rudder.tokens.scored", "{token}", "Tokens classified or scored, by model.");
    }

    public void CallStarted(string method) => _running.Add(1, new KeyValuePair<string, object?>("method", method));

    public void CallEnded(string method, string status, TimeSpan duration)
    {
        var byMethod = new KeyValuePair<string, object?>("method", method);
        var byStatus = new KeyValuePair<string, object?>("status", status);
        _running.Add(-1, byMethod);
        _calls.Add(1, byMethod, byStatus);
        _duration.Record(duration.TotalSeconds, byMethod, byStatus);
    }

    public void Sampled(string model, int promptTokens, int completionTokens)
    {
        var byModel = new KeyValuePair<string, object?>("model", model);
        _promptTokens.Add(promptTokens, byModel);
        _completionTokens.Add(completionTokens, byModel);
    }

    public void Scored(string model, long tokens) => _scoredTokens.Add(tokens, new KeyValuePair<string, object?>("model", model));
}
