using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Rudder.Checkpoints;

/// <summary>
/// An interpolated error message. Each value is cut to <see cref="LongestValue"/> characters and cleaned: control characters,
/// invisible formatting and broken surrogates become U+FFFD. So a message can safely quote any file on a terminal.
/// </summary>
/// <example><code>throw new CheckpointException($"{path}: tensor '{name}' is missing.");</code></example>
[InterpolatedStringHandler]
public readonly ref struct MessageText
{
    /// <summary>Maximum characters of a value; longer ones are cut.</summary>
    public const int LongestValue = 400;

    private const int Head = 300;
    private readonly StringBuilder _text;

    /// <summary>Called by the compiler.</summary>
    /// <param name="literalLength">Characters outside the values.</param>
    /// <param name="formattedCount">Number of values.</param>
    public MessageText(int literalLength, int formattedCount) => _text = new StringBuilder(literalLength + (formattedCount * 16));

    /// <summary>Appends the text between values unchanged.</summary>
    /// <param name="text">The text.</param>
    public void AppendLiteral(string text) => _text.Append(text);

    /// <summary>Appends a value, cleaned and cut.</summary>
    /// <param name="value">Any value; formatted for the invariant culture.</param>
    public void AppendFormatted<T>(T value) => AppendFormatted(Convert.ToString(value, CultureInfo.InvariantCulture));

    /// <summary>Appends a formatted value, cleaned and cut.</summary>
    /// <param name="value">Any value.</param>
    /// <param name="format">A standard or custom format.</param>
    public void AppendFormatted<T>(T value, string format)
        where T : IFormattable => AppendFormatted(value.ToString(format, CultureInfo.InvariantCulture));

    /// <inheritdoc cref="AppendFormatted{T}(T)"/>
    public void AppendFormatted(string? value) => _text.Append(Clean(value ?? ""));

    /// <summary>Appends another message, which is already clean.</summary>
    /// <param name="message">The message.</param>
    public void AppendFormatted(MessageText message) => _text.Append(message._text);

    /// <summary>The message.</summary>
    public override string ToString() => _text.ToString();

    /// <summary>Types of a failure and its causes, each with its throwing method. Omits their messages, which may quote a request.</summary>
    /// <param name="failure">The failure.</param>
    public static string TypesOf(Exception failure)
    {
        var parts = new List<string>();
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            parts.Add($"{cause.GetType().FullName} in {cause.TargetSite?.DeclaringType?.FullName}.{cause.TargetSite?.Name}");
        }

        return string.Join(" <- ", parts);
    }

    /// <summary>Cleans and cuts a value for a message.</summary>
    /// <param name="value">Any text.</param>
    public static string Clean(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        string cut = value.Length <= LongestValue ? value : $"{value[..Head]}…{value[^(LongestValue - Head - 1)..]}";
        var clean = new StringBuilder(cut.Length);
        foreach (Rune rune in cut.EnumerateRunes())         // gives U+FFFD for half a surrogate pair
        {
            bool shows = Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
            clean.Append(shows ? rune.ToString() : "\uFFFD");
        }

        return clean.ToString();
    }
}
