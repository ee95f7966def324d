using System.Globalization;
using Spectre.Console;

namespace Rudder.Trainer.Terminal;

/// <summary>Shows progress with rate and time left: a bar on a terminal, a plain line every 5 s elsewhere.</summary>
/// <param name="writer">Gets the output.</param>
/// <param name="terminal">Whether the writer is a terminal, which can show a bar.</param>
/// <param name="clock">Clock for the rate and the time between lines.</param>
/// <param name="what">Name of the work, e.g. train.</param>
/// <param name="unit">What is counted, e.g. steps.</param>
/// <param name="first">Work already done by an earlier run.</param>
/// <param name="total">The total work.</param>
internal sealed class ProgressDisplay(TextWriter writer, bool terminal, TimeProvider clock, string what, string unit, int first, int total) : IDisposable
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(5);
    private readonly IAnsiConsole _console = Display.On(writer, terminal);
    private readonly long _started = clock.GetTimestamp();
    private readonly TaskCompletionSource _ended = new();
    private long? _shown;
    private ProgressTask? _bar;
    private Task _drawing = Task.CompletedTask;

    /// <summary>Shows how much is done. The last report ends the bar.</summary>
    /// <param name="done">Work done, <paramref name="done"/> of an earlier run included.</param>
    /// <param name="details">What to show in place of the rate.</param>
    public void Report(int done, string? details = null)
    {
        double seconds = clock.GetElapsedTime(_started).TotalSeconds;
        double rate = (done - first) / Math.Max(seconds, 1e-9);
        string text = string.Create(CultureInfo.InvariantCulture, $"{done}/{total} {unit}, {details ?? $"{rate:0.0} {unit}/s"}");
        if (terminal)
        {
            Draw(done, $"{what}: {text}");
        }
        else if (_shown is not { } shown || done >= total || clock.GetElapsedTime(shown) >= Between)
        {
            _shown = clock.GetTimestamp();
            var left = TimeSpan.FromSeconds((total - done) / Math.Max(rate, 1e-9));
            writer.WriteLine($"{what}: {text}, {(left.TotalHours < 1 ? $"{left:mm\\:ss}" : $"{(long)left.TotalHours}:{left:mm\\:ss}")} left");
        }
    }

    /// <summary>Writes a line; on a terminal, above the bar.</summary>
    public void Line(string text) => _console.WriteLine(text);

    /// <summary>Ends the bar at its current value.</summary>
    public void Dispose()
    {
        _ended.TrySetResult();
        _drawing.GetAwaiter().GetResult();
    }

    private void Draw(int done, string text)
    {
        if (_bar is null)
        {
            _drawing = _console.Progress()
                .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new RemainingTimeColumn())
                .StartAsync(async context =>
                {
                    _bar = context.AddTask(what.EscapeMarkup(), maxValue: total - first);
                    await _ended.Task;
                });
        }

        _bar!.Description = text.EscapeMarkup();
        _bar.Value = done - first;
        if (done >= total)
        {
            Dispose();
        }
    }
}
