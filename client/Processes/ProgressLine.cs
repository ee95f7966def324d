namespace Rudder.Client.Processes;

/// <summary>Progress on stderr: one changing line on a terminal, a line every few seconds elsewhere.</summary>
/// <param name="what">What is counted, e.g. "pairs".</param>
/// <param name="unit">What one step is, e.g. "prompts".</param>
/// <param name="error">Where it goes.</param>
/// <param name="terminal">True where the line can be overwritten.</param>
/// <param name="time">Clock.</param>
internal sealed class ProgressLine(string what, string unit, TextWriter error, bool terminal, TimeProvider time)
    : IProgress<(int Done, int Total)>
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(5);
    private long started;
    private long shown;
    private int first;

    /// <summary>Shows the state where enough time has passed or all is done.</summary>
    public void Report((int Done, int Total) value)
    {
        long now = time.GetTimestamp();
        if (started == 0)
        {
            (started, first) = (now, value.Done);
        }

        bool last = value.Done >= value.Total;
        if (!last && shown != 0 && !terminal && time.GetElapsedTime(shown, now) < Between)
        {
            return;
        }

        shown = now;
        string text = Text(value.Done, value.Total, time.GetElapsedTime(started, now).TotalSeconds);
        error.Write(terminal ? $"\r{text}   {(last ? Environment.NewLine : "")}" : text + Environment.NewLine);
    }

    private string Text(int done, int total, double seconds)
    {
        int fresh = done - first;
        if (fresh <= 0 || seconds <= 0)
        {
            return $"{what}: {done}/{total} {unit}";
        }

        TimeSpan left = TimeSpan.FromSeconds((total - done) * seconds / fresh);
        return $"{what}: {done}/{total} {unit}, {fresh / seconds:0.0} {unit}/s, {Clock(left)} left";
    }

    private static string Clock(TimeSpan left) =>
        left.TotalHours < 1 ? $"{left.Minutes:00}:{left.Seconds:00}" : $"{(long)left.TotalHours}:{left.Minutes:00}:{left.Seconds:00}";
}
