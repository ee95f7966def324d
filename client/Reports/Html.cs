using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace Rudder.Client.Reports;

/// <summary>Markup that is safe by construction: whatever is interpolated into it is escaped, unless it is markup already.</summary>
internal readonly record struct Html(string Markup)
{
    /// <summary>Nothing.</summary>
    public static Html Empty { get; } = new("");

    /// <summary>Markup from an interpolated string.</summary>
    public static Html Of(MarkupBuilder builder) => new(builder.ToString());

    /// <summary>One part after the other.</summary>
    public static Html Join(IEnumerable<Html> parts) => new(string.Concat(parts.Select(part => part.Markup)));

    public override string ToString() => Markup;
}

/// <summary>Collects the pieces of an interpolated string and escapes its values.</summary>
[InterpolatedStringHandler]
internal readonly struct MarkupBuilder
{
    private readonly StringBuilder _text;

    /// <summary>Called by the compiler.</summary>
    public MarkupBuilder(int literalLength, int formattedCount) => _text = new StringBuilder(literalLength + (formattedCount * 16));

    /// <summary>Markup as written.</summary>
    public void AppendLiteral(string literal) => _text.Append(literal);

    /// <summary>Markup built before.</summary>
    public void AppendFormatted(Html markup) => _text.Append(markup.Markup);

    /// <summary>Markup built before, one after the other.</summary>
    public void AppendFormatted(IEnumerable<Html> markup) => _text.Append(Html.Join(markup).Markup);

    /// <summary>Text, escaped.</summary>
    public void AppendFormatted(string? value) => _text.Append(WebUtility.HtmlEncode(value));

    /// <summary>A number or date in the invariant culture, escaped.</summary>
    public void AppendFormatted<T>(T value, string? format = null)
        where T : IFormattable => AppendFormatted(value.ToString(format, CultureInfo.InvariantCulture));

    public override string ToString() => _text.ToString();
}
