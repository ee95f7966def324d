using Spectre.Console;
using Spectre.Console.Rendering;
using static System.FormattableString;

namespace Rudder.Client.Terminal;

/// <summary>Progress as a bar on a terminal.</summary>
/// <param name="task">The bar.</param>
/// <param name="what">Name of the work.</param>
/// <param name="unit">What is counted.</param>
internal sealed class LiveProgress(ProgressTask task, string what, string unit) : IProgress<(int Done, int Total)>
{
    private int? _first;

    /// <summary>Moves the bar. Work of an earlier run, done before the first report, does not count into the rate.</summary>
    public void Report((int Done, int Total) value)
    {
        _first ??= value.Done;
        task.MaxValue = Math.Max(1, value.Total - _first.Value);
        task.Value = value.Total > _first ? value.Done - _first.Value : 1;
        task.Description = $"{what} {value.Done}/{value.Total} {unit}".EscapeMarkup();
    }
}

/// <summary>Units per second.</summary>
/// <param name="unit">What is counted.</param>
internal sealed class RateColumn(string unit) : ProgressColumn
{
    /// <inheritdoc/>
    public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
        new Text(task.Speed is { } speed ? Invariant($"{speed:0.0} {unit}/s") : "");
}
