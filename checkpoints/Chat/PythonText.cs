using System.Globalization;

namespace Rudder.Checkpoints;

/// <summary>Values as text, as Python's <c>str</c>, <c>repr</c> and <c>json.dumps(ensure_ascii=False)</c> write them.</summary>
internal sealed class PythonText(RenderBudget budget)
{
    /// <summary><c>str(value)</c>.</summary>
    public MarkedText Show(object? value)
    {
        if (value is MarkedText text)
        {
            return text;
        }

        var shown = new MarkedText.Builder(budget);
        Represent(shown, value);
        return shown.ToText();
    }

    /// <summary><c>json.dumps(value, ensure_ascii=False)</c>.</summary>
    /// <param name="value">The value.</param>
    /// <param name="indent">Spaces of one level; null: all on one line.</param>
    /// <param name="sorts">Whether keys are sorted.</param>
    /// <param name="separators">Between items and after a key; null: Python's default.</param>
    public MarkedText Json(object? value, long? indent, bool sorts, (string Item, string Key)? separators)
    {
        var json = new MarkedText.Builder(budget);
        string itemEnd = separators?.Item ?? (indent is null ? ", " : ",");
        WriteJson(json, value, new JsonLayout(indent, sorts, itemEnd, separators?.Key ?? ": "), 1);
        return json.ToText();
    }

    /// <summary><c>repr</c> of a float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16.</summary>
    public static string Float(double value)
    {
        if (double.IsNaN(value) || double.IsInfinity(value))
        {
            return double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
        }

        string shortest = value.ToString("E16", CultureInfo.InvariantCulture);
        for (int digits = 0; digits < 16; digits++)
        {
            string text = value.ToString($"E{digits}", CultureInfo.InvariantCulture);
            if (double.Parse(text, CultureInfo.InvariantCulture) == value)
            {
                shortest = text;
                break;
            }
        }

        int exponent = int.Parse(shortest[(shortest.IndexOf('E', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture);
        if (value != 0 && exponent is < -4 or >= 16)
        {
            string mantissa = shortest[..shortest.IndexOf('E', StringComparison.Ordinal)];
            return $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        string plain = decimal.Parse(shortest, NumberStyles.Float, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture);
        return plain.Contains('.', StringComparison.Ordinal) ? plain : plain + ".0";
    }

    private void Represent(MarkedText.Builder shown, object? value)
    {
        budget.Enter();
        switch (value)
        {
            case UndefinedValue:
                break;
            case MarkedText text:
                shown.Add(Quote(text.Value), text.HasInput);
                break;
            case ListValue list:
                shown.Add("[");
                Each(shown, list.Items, ", ", item => Represent(shown, item));
                shown.Add("]");
                break;
            case DictValue dict:
                shown.Add("{");
                Each(shown, dict.Items, ", ", item =>
                {
                    Represent(shown, dict.Key(item.Key));
                    shown.Add(": ");
                    Represent(shown, item.Value);
                });
                shown.Add("}");
                break;
            default:
                shown.Add(Scalar(value) ?? throw new TemplateFault("a function, macro, loop or namespace cannot be written as text."));
                break;
        }

        budget.Leave();
    }

    private void WriteJson(MarkedText.Builder json, object? value, JsonLayout layout, int level)
    {
        budget.Enter();
        switch (value)
        {
            case MarkedText text:
                json.Add(JsonQuote(text.Value), text.HasInput);
                break;
            case ListValue list:
                WriteJson(json, "[", "]", list.Items, layout, level, item => WriteJson(json, item, layout, level + 1));
                break;
            case DictValue dict:
                var items = layout.Sorts ? dict.Items.OrderBy(item => item.Key, StringComparer.Ordinal) : dict.Items.AsEnumerable();
                WriteJson(json, "{", "}", [.. items], layout, level, item =>
                {
                    WriteJson(json, dict.Key(item.Key), layout, level + 1);
                    json.Add(layout.KeyEnd);
                    WriteJson(json, item.Value, layout, level + 1);
                });
                break;
            case double number when !double.IsFinite(number):
                json.Add(double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
                break;
            default:
                json.Add(value switch
                {
                    null => "null",
                    bool flag => flag ? "true" : "false",
                    _ => Scalar(value)
                        ?? throw new TemplateFault($"tojson takes texts, numbers, lists and dicts, not {TemplateOperators.Kind(value)}."),
                });
                break;
        }

        budget.Leave();
    }

    private void WriteJson<T>(
        MarkedText.Builder json, string start, string end, IReadOnlyList<T> items, JsonLayout layout, int level, Action<T> write)
    {
        json.Add(start);
        string Break(int at)
        {
            budget.Work(layout.Indent!.Value * at);
            return "\n" + new string(' ', (int)layout.Indent.Value * at);
        }

        bool breaks = layout.Indent is not null && items.Count > 0;
        if (breaks)
        {
            json.Add(Break(level));
        }

        Each(json, items, breaks ? layout.ItemEnd + Break(level) : layout.ItemEnd, write);
        if (breaks)
        {
            json.Add(Break(level - 1));
        }

        json.Add(end);
    }

    private static void Each<T>(MarkedText.Builder text, IEnumerable<T> items, string separator, Action<T> write)
    {
        bool isFirst = true;
        foreach (var item in items)
        {
            text.Add(isFirst ? "" : separator);
            write(item);
            isFirst = false;
        }
    }

    private static string? Scalar(object? value) => value switch
    {
        null => "None",
        bool flag => flag ? "True" : "False",
        long number => number.ToString(CultureInfo.InvariantCulture),
        double number => Float(number),
        _ => null,
    };

    private static string Quote(string text)
    {
        char quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        return quote + string.Concat(text.Select(letter => letter switch
        {
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            _ when letter == quote => "\\" + letter,
            < ' ' or '\x7f' => $"\\x{(int)letter:x2}",
            _ => letter.ToString(),
        })) + quote;
    }

    private static string JsonQuote(string text) => '"' + string.Concat(text.Select(letter => letter switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\f' => "\\f",
        '\b' => "\\b",
        < ' ' => $"\\u{(int)letter:x4}",
        _ => letter.ToString(),
    })) + '"';

    private sealed record JsonLayout(long? Indent, bool Sorts, string ItemEnd, string KeyEnd);
}
