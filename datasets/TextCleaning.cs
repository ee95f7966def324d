using System.Text;
using System.Text.RegularExpressions;

namespace Rudder.Datasets;

/// <summary>Cleans the HTML of movie reviews: line-break tags and runs of white space become one blank, control characters are removed.</summary>
public static partial class TextCleaning
{
    /// <summary>The cleaned text. <c>&lt;br /&gt;</c> becomes a blank, C0 and C1 control characters are removed, both ends are trimmed.</summary>
    /// <param name="text">Any text.</param>
    public static string Clean(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string plain = BreakTag().Replace(text, " ");
        var cleaned = new StringBuilder(plain.Length);
        bool gap = false;
        foreach (char c in plain)
        {
            if (char.IsWhiteSpace(c))
            {
                gap = true;
            }
            else if (!char.IsControl(c))
            {
                if (gap && cleaned.Length > 0)
                {
                    cleaned.Append(' ');
                }

                gap = false;
                cleaned.Append(c);
            }
        }

        return cleaned.ToString();
    }

    [GeneratedRegex(@"<br\s*/?>", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex BreakTag();
}
