using Spectre.Console;

namespace Rudder.Client.Terminal;

/// <summary>Messages, errors, progress and tables on one stream: styled and live on a terminal, plain lines elsewhere.</summary>
internal sealed class Display
{
    private const int Unwrapped = 100_000;
    private const int MaxMessage = 10_000;
    private readonly IAnsiConsole _console;
    private readonly TimeProvider _time;
    private readonly bool _terminal;

    /// <summary>Shows on a stream.</summary>
    /// <param name="writer">The stream.</param>
    /// <param name="terminal">Whether a person watches it; a pipe or a file gets neither colours nor line breaks.</param>
    /// <param name="time">Clock of progress.</param>
    public Display(TextWriter writer, bool terminal, TimeProvider time)
    {
        (_terminal, _time) = (terminal, time);
        _console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Out = new AnsiConsoleOutput(writer),
                Ansi = terminal ? AnsiSupport.Detect : AnsiSupport.No,
                Interactive = terminal ? InteractionSupport.Yes : InteractionSupport.No,
            });
        if (!terminal)
        {
            _console.Profile.Width = Unwrapped;
        }
    }

    /// <summary>One message.</summary>
    public void Line(string text) => _console.WriteLine(Printable(text));

    /// <summary>A failure.</summary>
    public void Error(string message) => _console.MarkupLineInterpolated($"[red]error:[/] {Printable(message)}");

    /// <summary>Rows under a head.</summary>
    public void Table(IEnumerable<string> head, IEnumerable<IEnumerable<string>> rows)
    {
        Table table = new() { Border = _terminal ? TableBorder.Rounded : TableBorder.None };
        table.AddColumns([.. head.Select(title => new TableColumn(title.EscapeMarkup()))]);
        foreach (IEnumerable<string> row in rows)
        {
            table.AddRow([.. row.Select(cell => new Text(cell))]);
        }

        _console.Write(table);
    }

    /// <summary>Does work that reports its progress, with rate and time left.</summary>
    /// <param name="what">Name of the work, e.g. pairs.</param>
    /// <param name="unit">What is counted, e.g. prompts.</param>
    /// <param name="work">The work.</param>
    public Task<T> ProgressAsync<T>(string what, string unit, Func<IProgress<(int Done, int Total)>, Task<T>> work) =>
        _terminal
            ? _console
                .Progress()
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new RateColumn(unit), new RemainingTimeColumn())
                .StartAsync(context => work(new LiveProgress(context.AddTask(what.EscapeMarkup()), what, unit)))
            : work(new LineProgress(what, unit, Line, _time));

    // Quoted data can neither send control sequences to the terminal nor flood it.
    private static string Printable(string text)
    {
        string cut = text.Length > MaxMessage ? text[..MaxMessage] + "…" : text;
        return string.Concat(cut.Select(c => char.IsControl(c) && c is not ('\n' or '\t') ? '\uFFFD' : c));
    }
}
