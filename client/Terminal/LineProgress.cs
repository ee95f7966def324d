using static System.FormattableString;

namespace Rudder.Client.Terminal;

/// <summary>Progress as a plain line every few seconds, for logs and pipes.</summary>
/// <param name="what">Name of the work.</param>
/// <param name="unit">What is counted.</param>
/// <param name="line">Receives the lines.</param>
/// <param name="time">Clock.</param>
internal sealed class LineProgress(string what, string unit, Action<string> line, TimeProvider time) : IProgress<(int Done, int Total)>
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(5);
    private long? _started;
    private long _shown;
    private int _first;

    /// <summary>Writes the first state, the last one, and one every 5 s between them.</summary>
    public void Report((int Done, int Total) value)
    {
        long now = time.GetTimestamp();
        if (_started is null)
        {
            (_started, _first) = (now, value.Done);
        }
        else if (value.Done < value.Total && time.GetElapsedTime(_shown, now) < Between)
        {
            return;
        }

        _shown = now;
        line(Text(value.Done, value.Total, time.GetElapsedTime(_started.Value, now).TotalSeconds));
    }

    private string Text(int done, int total, double seconds)
    {
        int fresh = done - _first;
        if (fresh <= 0 || seconds <= 0)
        {
            return $"{what}: {done}/{total} {unit}";
        }

        var left = TimeSpan.FromSeconds((total - done) * seconds / fresh);
        string clock = left.TotalHours < 1 ? $"{left:mm\\:ss}" : $"{(long)left.TotalHours}:{left:mm\\:ss}";
        return Invariant($"{what}: {done}/{total} {unit}, {fresh / seconds:0.0} {unit}/s, {clock} left");
    }
}
