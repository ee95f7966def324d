namespace Rudder.Checkpoints;

/// <summary>Python's methods of a text.</summary>
internal sealed class TextMethods(RenderBudget budget)
{
    /// <summary>Their names.</summary>
    public static IReadOnlySet<string> Names { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "upper", "lower", "title", "capitalize",
        "replace", "find", "rfind", "count", "join", "isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower", "removeprefix", "removesuffix",
    };

    /// <summary>Calls a method.</summary>
    public object? Call(MarkedText text, string name, CallArguments arguments)
    {
        object? result = name switch
        {
            "strip" or "lstrip" or "rstrip" => text.Strip(arguments.Text("chars")?.Value, start: name != "rstrip", end: name != "lstrip"),
            "split" or "rsplit" => Split(text, arguments.Text("sep"), arguments.Whole("maxsplit") ?? -1, fromEnd: name == "rsplit"),
            "splitlines" => Lines(text),
            "startswith" => Edges(arguments).Any(edge => text.Value.StartsWith(edge, StringComparison.Ordinal)),
            "endswith" => Edges(arguments).Any(edge => text.Value.EndsWith(edge, StringComparison.Ordinal)),
            "upper" => text.With(text.Value.ToUpperInvariant()),
            "lower" => text.With(text.Value.ToLowerInvariant()),
            "title" => Title(text, static before => !char.IsLetter(before)),
            "capitalize" => Capitalize(text),
            "replace" => Replace(text, arguments.RequireText("old"), arguments.RequireText("new"), arguments.Whole("count") ?? -1),
            "find" => Place(text, text.Value.IndexOf(arguments.RequireText("sub").Value, StringComparison.Ordinal)),
            "rfind" => Place(text, text.Value.LastIndexOf(arguments.RequireText("sub").Value, StringComparison.Ordinal)),
            "count" => (long)Places(text.Value, arguments.RequireText("sub").Value, -1).Count,
            "join" => Join(text, TemplateOperators.Items(arguments.Require("items"))),
            "isdigit" => All(text, char.IsDigit),
            "isalpha" => All(text, char.IsLetter),
            "isalnum" => All(text, char.IsLetterOrDigit),
            "isspace" => All(text, char.IsWhiteSpace),
            "isupper" => text.Value.Any(char.IsUpper) && !text.Value.Any(char.IsLower),
            "islower" => text.Value.Any(char.IsLower) && !text.Value.Any(char.IsUpper),
            "removeprefix" => arguments.RequireText("prefix").Value is var prefix && text.Value.StartsWith(prefix, StringComparison.Ordinal)
                ? text.Slice(prefix.Length, text.Value.Length - prefix.Length) : text,
            _ => arguments.RequireText("suffix").Value is var suffix && text.Value.EndsWith(suffix, StringComparison.Ordinal)
                ? text.Slice(0, text.Value.Length - suffix.Length) : text,
        };
        arguments.End();
        return result;
    }

    /// <summary>Replaces occurrences from the left.</summary>
    /// <param name="text">The text.</param>
    /// <param name="old">What goes.</param>
    /// <param name="replacement">What comes instead.</param>
    /// <param name="count">How many at most; negative: all.</param>
    public MarkedText Replace(MarkedText text, MarkedText old, MarkedText replacement, long count)
    {
        var replaced = new MarkedText.Builder(budget);
        int from = 0;
        foreach (int place in Places(text.Value, old.Value, count))
        {
            replaced.Add(text.Slice(from, place - from));
            replaced.Add(replacement);
            from = place + old.Value.Length;
        }

        replaced.Add(text.Slice(from, text.Value.Length - from));
        return replaced.ToText();
    }

    /// <summary>Joins texts with a separator.</summary>
    public MarkedText Join(MarkedText separator, List<object?> items)
    {
        var joined = new MarkedText.Builder(budget);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0)
            {
                joined.Add(separator);
            }

            joined.Add(items[i] as MarkedText ?? throw new TemplateFault($"join takes texts, not {TemplateOperators.Kind(items[i])}."));
        }

        return joined.ToText();
    }

    /// <summary>The first letter in upper case, the others in lower case.</summary>
    public static MarkedText Capitalize(MarkedText text) =>
        text.With(text.Value.Length == 0 ? "" : text.Value[..1].ToUpperInvariant() + text.Value[1..].ToLowerInvariant());

    /// <summary>Letters at the start of words in upper case, the others in lower case.</summary>
    /// <param name="text">The text.</param>
    /// <param name="startsWord">Whether a word starts after this character.</param>
    public static MarkedText Title(MarkedText text, Func<char, bool> startsWord) => text.With(string.Concat(text.Value.Select(
        (letter, i) => i == 0 || startsWord(text.Value[i - 1]) ? char.ToUpperInvariant(letter) : char.ToLowerInvariant(letter))));

    private static List<int> Places(string text, string part, long count)
    {
        if (part.Length == 0)
        {
            throw new TemplateFault("an empty text cannot be replaced or counted.");
        }

        var places = new List<int>();
        for (int at = 0; count < 0 || places.Count < count; at += part.Length)
        {
            at = text.IndexOf(part, at, StringComparison.Ordinal);
            if (at < 0)
            {
                break;
            }

            places.Add(at);
        }

        return places;
    }

    private static ListValue Split(MarkedText text, MarkedText? separator, long most, bool fromEnd)
    {
        var parts = new List<object?>();
        List<(int At, int Length)> gaps = separator is null
            ? Blanks(text.Value)
            : [.. Places(text.Value, separator.Value, -1).Select(at => (at, separator.Value.Length))];
        gaps = most < 0 || most >= gaps.Count ? gaps : fromEnd ? gaps[^(int)most..] : gaps[..(int)most];
        int from = 0;
        foreach (var (at, length) in gaps)
        {
            parts.Add(text.Slice(from, at - from));
            from = at + length;
        }

        parts.Add(text.Slice(from, text.Value.Length - from));
        return new ListValue(separator is null ? [.. parts.Where(part => ((MarkedText)part!).Value.Length > 0)] : parts);
    }

    // Runs of white space.
    private static List<(int At, int Length)> Blanks(string text)
    {
        var runs = new List<(int, int)>();
        for (int at = 0; at < text.Length; at++)
        {
            int start = at;
            while (at < text.Length && char.IsWhiteSpace(text[at]))
            {
                at++;
            }

            if (at > start)
            {
                runs.Add((start, at - start));
            }
        }

        return runs;
    }

    private static ListValue Lines(MarkedText text)
    {
        var lines = new List<object?>();
        for (int from = 0; from < text.Value.Length;)
        {
            int end = text.Value.AsSpan(from).IndexOfAny('\n', '\r') is var step and >= 0 ? from + step : text.Value.Length;
            lines.Add(text.Slice(from, end - from));
            from = end + (string.CompareOrdinal(text.Value, end, "\r\n", 0, 2) == 0 ? 2 : 1);
        }

        return new ListValue(lines);
    }

    private static List<string> Edges(CallArguments arguments) => arguments.Require("prefix") switch
    {
        MarkedText one => [one.Value],
        ListValue several => [.. several.Items.OfType<MarkedText>().Select(edge => edge.Value)],
        var other => throw new TemplateFault($"{arguments.Owner} takes a text, not {TemplateOperators.Kind(other)}."),
    };

    private static long Place(MarkedText text, int unit) => unit < 0 ? unit : text.Slice(0, unit).Characters;

    private static bool All(MarkedText text, Func<char, bool> holds) => text.Value.Length > 0 && text.Value.All(holds);
}
