using Spectre.Console;

namespace Rudder.Terminal;

/// <summary>Messages, errors, progress and tables on one stream: styled and live on a terminal, plain lines elsewhere.</summary>
public sealed class Display
{
    private const int Unwrapped = 100_000;
    private const int MaxMessage = 10_000;

    /// <summary>Shows on a stream.</summary>
    /// <param name="writer">The stream.</param>
    /// <param name="terminal">Whether a person watches it; a pipe or a file gets neither colours nor line breaks.</param>
    /// <param name="time">Clock of progress.</param>
    public Display(TextWriter writer, bool terminal, TimeProvider time)
    {
        (IsTerminal, Time) = (terminal, time);
        Console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Out = new AnsiConsoleOutput(writer),
                Ansi = terminal ? AnsiSupport.Detect : AnsiSupport.No,
                Interactive = terminal ? InteractionSupport.Yes : InteractionSupport.No,
            });
        Console.Profile.Width = terminal ? Console.Profile.Width : Unwrapped;
    }

    internal IAnsiConsole Console { get; }

    internal bool IsTerminal { get; }

    internal TimeProvider Time { get; }

    /// <summary>A display on the program's error stream.</summary>
    public static Display OnErrors() => new(System.Console.Error, !System.Console.IsErrorRedirected, TimeProvider.System);

    /// <summary>One message; above the bar while progress is shown.</summary>
    /// <param name="text">The message.</param>
    public void Line(string text) => Console.WriteLine(Printable(text));

    /// <summary>One message in a colour, where the stream shows colours.</summary>
    /// <param name="text">The message.</param>
    /// <param name="colour">Its colour.</param>
    public void Line(string text, ConsoleColor colour) => Console.WriteLine(Printable(text), new Style(Color.FromConsoleColor(colour)));

    /// <summary>A failure.</summary>
    /// <param name="message">What failed.</param>
    public void Error(string message) => Console.MarkupLineInterpolated($"[red]error:[/] {Printable(message)}");

    /// <summary>Rows under a head: a name, then values.</summary>
    /// <param name="head">Titles of the columns.</param>
    /// <param name="rows">Cells of each row.</param>
    public void Table(IEnumerable<string> head, IEnumerable<IEnumerable<string>> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        Table table = new() { Border = IsTerminal ? TableBorder.Rounded : TableBorder.None };
        table.AddColumns([.. head.Select((title, i) => new TableColumn(Printable(title).EscapeMarkup()) { Alignment = i == 0 ? Justify.Left : Justify.Right })]);
        foreach (IEnumerable<string> row in rows)
        {
            table.AddRow(row.Select(cell => new Text(Printable(cell))));
        }

        Console.Write(table);
    }

    /// <summary>Quoted data can neither send control sequences to the terminal nor flood it.</summary>
    private static string Printable(string text)
    {
        string cut = text.Length > MaxMessage ? text[..MaxMessage] + "…" : text;
        return string.Concat(cut.Select(c => char.IsControl(c) && c is not ('\n' or '\t') ? '\uFFFD' : c));
    }
}
