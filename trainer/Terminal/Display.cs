using Spectre.Console;

namespace Rudder.Trainer.Terminal;

/// <summary>Errors, tables and live progress on a stream: styled on a terminal, plain lines elsewhere.</summary>
internal static class Display
{
    private const int Unwrapped = 100_000;
    private const int MaxMessage = 10_000;

    /// <summary>A console on a stream.</summary>
    /// <param name="writer">The stream.</param>
    /// <param name="terminal">Whether it is a terminal. A pipe or a file gets neither colours nor wrapped lines.</param>
    public static IAnsiConsole On(TextWriter writer, bool terminal)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = terminal ? AnsiSupport.Detect : AnsiSupport.No,
            Interactive = terminal ? InteractionSupport.Yes : InteractionSupport.No,
        });
        console.Profile.Width = terminal ? console.Profile.Width : Unwrapped;
        return console;
    }

    /// <summary>Writes an error message. Quoted data can neither send control sequences to the terminal nor flood it.</summary>
    public static void Error(TextWriter writer, string message)
    {
        string cut = message.Length > MaxMessage ? message[..MaxMessage] + "…" : message;
        string printable = string.Concat(cut.Select(c => char.IsControl(c) && c != '\n' ? '\uFFFD' : c));
        On(writer, writer == Console.Error && !Console.IsErrorRedirected).MarkupLineInterpolated($"[red]error:[/] {printable}");
    }

    /// <summary>Writes rows under a header: a name, then values.</summary>
    public static void Table(TextWriter writer, bool terminal, IReadOnlyList<string> head, IEnumerable<IReadOnlyList<string>> rows)
    {
        Table table = new() { Border = terminal ? TableBorder.Rounded : TableBorder.None };
        table.AddColumns([.. head.Select((title, i) => new TableColumn(title.EscapeMarkup()) { Alignment = i == 0 ? Justify.Left : Justify.Right })]);
        foreach (IReadOnlyList<string> row in rows)
        {
            table.AddRow(row.Select(cell => new Text(cell)));
        }

        On(writer, terminal).Write(table);
    }
}
