using Spectre.Console;
using static System.FormattableString;

namespace Rudder.Terminal;

/// <summary>Shows progress with rate and time left: a bar on a terminal, a plain line every 5 s elsewhere.</summary>
/// <param name="display">Gets the output.</param>
/// <param name="what">Name of the work, e.g. train.</param>
/// <param name="unit">What is counted, e.g. steps.</param>
/// <param name="first">Work done by an earlier run, which does not count into the rate; null: that of the first report.</param>
public sealed class ProgressDisplay(Display display, string what, string unit, int? first = null) : IProgress<(int Done, int Total)>, IDisposable
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(5);
    private readonly TaskCompletionSource _ended = new();
    private int? _first = first;
    private long? _started = first is null ? null : display.Time.GetTimestamp();
    private long? _shown;
    private ProgressTask? _bar;
    private Task _drawing = Task.CompletedTask;

    /// <inheritdoc/>
    public void Report((int Done, int Total) value) => Report(value.Done, value.Total);

    /// <summary>Shows how much is done. The last report ends the bar.</summary>
    /// <param name="done">Work done, that of an earlier run included.</param>
    /// <param name="total">The total work.</param>
    /// <param name="details">What to show in place of the rate.</param>
    public void Report(int done, int total, string? details = null)
    {
        long now = display.Time.GetTimestamp();
        _first ??= done;
        _started ??= now;
        double seconds = display.Time.GetElapsedTime(_started.Value, now).TotalSeconds;
        int fresh = done - _first.Value;
        string? rate = fresh > 0 && seconds > 0 ? Invariant($"{fresh / seconds:0.0} {unit}/s") : null;
        string text = string.Join(", ", ((string?[])[$"{what}: {done}/{total} {unit}", details ?? rate]).OfType<string>());
        if (display.IsTerminal)
        {
            Draw(done, total, text);
        }
        else if (_shown is not { } shown || done >= total || display.Time.GetElapsedTime(shown, now) >= Between)
        {
            _shown = now;
            display.Line(rate is null ? text : $"{text}, {Clock(TimeSpan.FromSeconds((total - done) * seconds / fresh))} left");
        }
    }

    /// <summary>Ends the bar at its current value.</summary>
    public void Dispose()
    {
        _ended.TrySetResult();
        _drawing.GetAwaiter().GetResult();
    }

    private static string Clock(TimeSpan left) => left.TotalHours < 1 ? $"{left:mm\\:ss}" : $"{(long)left.TotalHours}:{left:mm\\:ss}";

    private void Draw(int done, int total, string text)
    {
        if (_bar is null)
        {
            _drawing = display.Console.Progress()
                .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new RemainingTimeColumn())
                .StartAsync(async context =>
                {
                    _bar = context.AddTask(what.EscapeMarkup(), maxValue: Math.Max(1, total - _first!.Value));
                    await _ended.Task;
                });
        }

        _bar!.Description = text.EscapeMarkup();
        _bar.Value = total > _first ? done - _first.Value : 1;
        if (done >= total)
        {
            Dispose();
        }
    }
}
