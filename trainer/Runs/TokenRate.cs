namespace Rudder.Trainer.Runs;

/// <summary>Tokens per second over the last two seconds or more of training.</summary>
internal sealed class TokenRate(TimeProvider clock)
{
    private long _start = clock.GetTimestamp();
    private long _tokens;

    /// <summary>The rate; 0 before the first step.</summary>
    public double PerSecond { get; private set; }

    /// <summary>Counts the tokens of a step.</summary>
    public void Add(long tokens)
    {
        _tokens += tokens;
        double seconds = clock.GetElapsedTime(_start).TotalSeconds;
        if (seconds >= 2 || PerSecond == 0)
        {
            PerSecond = _tokens / Math.Max(seconds, 1e-9);
            Restart();
        }
    }

    /// <summary>Excludes time that was not training, such as an evaluation or a checkpoint.</summary>
    public void Restart() => (_start, _tokens) = (clock.GetTimestamp(), 0);
}
