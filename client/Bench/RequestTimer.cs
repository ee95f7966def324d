namespace Rudder.Client.Bench;

/// <summary>Times one request from its intended start to each token. docs/client-bench.md defines the metrics.</summary>
/// <param name="time">Clock.</param>
/// <param name="intended">Timestamp at which the schedule wanted it to start.</param>
/// <param name="completions">Completions asked for.</param>
internal sealed class RequestTimer(TimeProvider time, long intended, int completions)
{
    private readonly long _sent = time.GetTimestamp();
    private readonly (long First, long Last)?[] _arrivals = new (long, long)?[completions];
    private readonly List<TimeSpan> _gaps = [];
    private long _ended;

    // Timers fire up to 1 ms early.
    private long Start => Math.Min(intended, _sent);

    /// <summary>Tokens of prompt and completions as the server counts them; null where it does not.</summary>
    public (int Prompt, int Completion)? Usage { get; set; }

    /// <summary>Tokens of all completions: the server's count, or else the number of arrivals.</summary>
    public int Tokens => Usage?.Completion ?? (_gaps.Count + Started);

    /// <summary>Time between neighbouring arrivals of the same completion.</summary>
    public IReadOnlyList<TimeSpan> Gaps => _gaps;

    /// <summary>Time from the intended start to the first arrival; null before it.</summary>
    public TimeSpan? FirstToken =>
        Started == 0 ? null : time.GetElapsedTime(Start, _arrivals.Min(arrival => arrival?.First ?? long.MaxValue));

    /// <summary>Time per output token after the first, over all completions; null where none has a second token.</summary>
    public TimeSpan? PerToken
    {
        get
        {
            TimeSpan spans = _arrivals.OfType<(long First, long Last)>()
                .Aggregate(TimeSpan.Zero, (sum, arrival) => sum + time.GetElapsedTime(arrival.First, arrival.Last));
            int later = Tokens - Started;
            return later > 0 ? spans / later : null;
        }
    }

    /// <summary>Time from the intended start to the end of the stream.</summary>
    public TimeSpan Latency => time.GetElapsedTime(Start, _ended);

    /// <summary>Time by which the client sent it too late.</summary>
    public TimeSpan SendDelay => time.GetElapsedTime(Start, _sent);

    private int Started => _arrivals.Count(arrival => arrival is not null);

    /// <summary>Whether anything of a completion has arrived.</summary>
    public bool HasStarted(int completion) => _arrivals[completion] is not null;

    /// <summary>Notes a token, or a piece of text, of a completion.</summary>
    public void Arrived(int completion)
    {
        long now = time.GetTimestamp();
        if (_arrivals[completion] is { } earlier)
        {
            _gaps.Add(time.GetElapsedTime(earlier.Last, now));
            _arrivals[completion] = (earlier.First, now);
        }
        else
        {
            _arrivals[completion] = (now, now);
        }
    }

    /// <summary>Notes the end of the stream.</summary>
    public void End() => _ended = time.GetTimestamp();
}
