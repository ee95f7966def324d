using HdrHistogram;

namespace Rudder.Client.Bench;

/// <summary>Collects the requests of one load. Not thread-safe.</summary>
/// <param name="time">Clock; the load starts now.</param>
/// <param name="plan">Limits of goodput.</param>
internal sealed class LoadStatistics(TimeProvider time, BenchPlan plan)
{
    private const int SignificantDigits = 3;
    private static readonly long MaxMicroseconds = (long)TimeSpan.FromDays(2).TotalMicroseconds; // twice the longest deadline

    private readonly long _start = time.GetTimestamp();
    private readonly LongHistogram _firstToken = Histogram();
    private readonly LongHistogram _perToken = Histogram();
    private readonly LongHistogram _gaps = Histogram();
    private readonly LongHistogram _latency = Histogram();
    private readonly LongHistogram _sendDelay = Histogram();
    private readonly SortedDictionary<string, RequestErrors> _errors = new(StringComparer.Ordinal);
    private long _lastEnd = time.GetTimestamp();
    private long _promptTokens;
    private long _completionTokens;
    private int _succeeded;
    private int _withoutUsage;
    private int _good;

    /// <summary>Requests that ended.</summary>
    public int Ended => _succeeded + _errors.Values.Sum(error => error.Count);

    /// <summary>Time since the start.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_start);

    /// <summary>Adds a request that ended.</summary>
    /// <param name="timer">Its times.</param>
    /// <param name="failure">Why it failed; null where it succeeded.</param>
    public void Add(RequestTimer timer, FailedRequestException? failure)
    {
        _lastEnd = time.GetTimestamp();
        Record(_sendDelay, timer.SendDelay);
        if (failure is not null)
        {
            RequestErrors before = _errors.GetValueOrDefault(failure.Status) ?? new RequestErrors(failure.Status, 0, failure.Message);
            _errors[failure.Status] = before with { Count = before.Count + 1 };
            return;
        }

        _succeeded++;
        _withoutUsage += timer.Usage is null ? 1 : 0;
        _promptTokens += timer.Usage?.Prompt ?? 0;
        _completionTokens += timer.Tokens;
        Record(_latency, timer.Latency);
        Record(_firstToken, timer.FirstToken);
        Record(_perToken, timer.PerToken);
        foreach (TimeSpan gap in timer.Gaps)
        {
            Record(_gaps, gap);
        }

        _good += Within(timer.FirstToken, plan.SloTtftMs) && Within(timer.PerToken, plan.SloTpotMs) ? 1 : 0;
    }

    /// <summary>Sums up.</summary>
    /// <param name="load">The load.</param>
    /// <param name="sent">Requests sent; those that did not end are reported as unfinished.</param>
    /// <param name="complete">False where the load was stopped early.</param>
    public LoadResult Summarise(Load load, int sent, bool complete)
    {
        double seconds = time.GetElapsedTime(_start, _lastEnd).TotalSeconds;
        double PerSecond(double value) => seconds > 0 ? value / seconds : 0;
        Goodput? goodput = plan.SloTtftMs is null && plan.SloTpotMs is null
            ? null
            : new Goodput(Ended > 0 ? _good / (double)Ended : 0, PerSecond(_good));
        return new LoadResult(
            load.InFlight, load.Rate, complete, seconds, _succeeded, Ended - _succeeded, sent - Ended, [.. _errors.Values],
            PerSecond(_succeeded), PerSecond(_completionTokens), _promptTokens, _completionTokens, _withoutUsage,
            LatencySummary.Of(_firstToken), LatencySummary.Of(_perToken), LatencySummary.Of(_gaps), LatencySummary.Of(_latency),
            LatencySummary.Of(_sendDelay), goodput);
    }

    private static LongHistogram Histogram() => new(MaxMicroseconds, SignificantDigits);

    private static void Record(LongHistogram histogram, TimeSpan? value)
    {
        if (value is { } known)
        {
            histogram.RecordValue(Math.Clamp((long)Math.Round(known.TotalMicroseconds), 0, MaxMicroseconds));
        }
    }

    // A request of one token has no time per output token, and keeps that limit.
    private static bool Within(TimeSpan? value, double? limit) => limit is null || value is null || value.Value.TotalMilliseconds <= limit;
}
