using System.Globalization;

namespace Rudder.Checkpoints;

/// <summary>The filters of <c>|</c>.</summary>
internal sealed class TemplateFilters(RenderBudget budget, PythonText text, TemplateOperators operators, TextMethods methods)
{
    /// <summary>Applies a filter.</summary>
    /// <exception cref="TemplateFault">The filter is not supported, or a value or argument is wrong.</exception>
    public object? Apply(string name, object? value, CallArguments arguments)
    {
        object? result = name switch
        {
            "default" or "d" => Default(value, arguments),
            "tojson" => Json(value, arguments),
            "length" or "count" => Length(value),
            "string" or "safe" => text.Show(value),
            "int" => Whole(value, arguments),
            "float" => Float(value, arguments),
            "abs" => value is double number
                ? (object)Math.Abs(number)
                : Math.Abs(TemplateOperators.Whole(value) ?? throw Wrong(name, value)),
            _ => ApplyToText(name, value, arguments) ?? ApplyToItems(name, value, arguments),
        };
        arguments.End();
        return result;
    }

    private MarkedText? ApplyToText(string name, object? value, CallArguments arguments) => name switch
    {
        "trim" => text.Show(value).Strip(arguments.Text("chars")?.Value, start: true, end: true),
        "upper" => text.Show(value) is var shown ? shown.With(shown.Value.ToUpperInvariant()) : null,
        "lower" => text.Show(value) is var shown ? shown.With(shown.Value.ToLowerInvariant()) : null,
        "capitalize" => TextMethods.Capitalize(text.Show(value)),
        "title" => TextMethods.Title(
            text.Show(value), static before => char.IsWhiteSpace(before) || "-({[<".Contains(before, StringComparison.Ordinal)),
        "replace" => methods.Replace(
            text.Show(value), arguments.RequireText("old"), arguments.RequireText("new"), arguments.Whole("count") ?? -1),
        "indent" => Indent(text.Show(value), arguments),
        "join" => Join(value, arguments),
        _ => null,
    };

    private object? ApplyToItems(string name, object? value, CallArguments arguments)
    {
        switch (name)
        {
            case "items":
                return value is UndefinedValue ? new ListValue([]) : TemplateMembers.Pairs(value as DictValue ?? throw Wrong(name, value));
            case "dictsort":
                return SortedPairs(value as DictValue ?? throw Wrong(name, value), arguments);
            case "first" or "last":
                var ends = TemplateOperators.Items(value);
                return ends.Count == 0 ? new UndefinedValue(name) : name == "first" ? ends[0] : ends[^1];
            case "list":
                return new ListValue([.. TemplateOperators.Items(value)]);
            case "reverse":
                var turned = Enumerable.Reverse(TemplateOperators.Items(value)).ToList();
                return value is MarkedText ? methods.Join(MarkedText.Template(""), turned) : new ListValue(turned);
            case "sort":
                return Sort(TemplateOperators.Items(value), arguments);
            case "unique":
                return Unique(TemplateOperators.Items(value));
            case "sum" or "min" or "max":
                return Fold(name, TemplateOperators.Items(value));
            case "map":
                return Map(TemplateOperators.Items(value), arguments);
            case "select" or "reject" or "selectattr" or "rejectattr":
                bool byMember = name.EndsWith("attr", StringComparison.Ordinal);
                return Choose(TemplateOperators.Items(value), arguments, byMember, keeps: name[0] == 's');
            default:
                throw new TemplateFault($"the filter '{name}' is not supported.");
        }
    }

    private static TemplateFault Wrong(string name, object? value) =>
        new($"the filter '{name}' does not take {TemplateOperators.Kind(value)}.");

    private static object? Default(object? value, CallArguments arguments)
    {
        object? other = arguments.Take("default_value", MarkedText.Template(""));
        return value is UndefinedValue || (arguments.Flag("boolean") && !TemplateOperators.IsTrue(value)) ? other : value;
    }

    private MarkedText Json(object? value, CallArguments arguments)
    {
        long? indent = arguments.Whole("indent");
        object? separators = arguments.Take("separators");
        bool sorts = arguments.Flag("sort_keys");
        if (arguments.Flag("ensure_ascii"))
        {
            throw new TemplateFault("tojson does not support ensure_ascii=true.");
        }

        (string, string)? ends = separators switch
        {
            null => null,
            ListValue { Items: [MarkedText item, MarkedText key] } => (item.Value, key.Value),
            _ => throw new TemplateFault("tojson takes two texts as separators."),
        };
        return indent is < 0 or > 32
            ? throw new TemplateFault($"tojson takes an indent of 0 to 32, not {indent}.")
            : text.Json(value, indent, sorts, ends);
    }

    private static long Length(object? value) => value switch
    {
        MarkedText shown => shown.Characters,
        _ => TemplateOperators.Items(value).Count,
    };

    private static object? Whole(object? value, CallArguments arguments)
    {
        object? fallback = arguments.Take("default", 0L);
        return value switch
        {
            double number when Math.Abs(number) < long.MaxValue => (long)number,
            MarkedText shown when long.TryParse(shown.Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out long whole) => whole,
            MarkedText shown when double.TryParse(shown.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                && Math.Abs(number) < long.MaxValue => (long)number,
            _ => TemplateOperators.Whole(value) ?? fallback,
        };
    }

    private static object? Float(object? value, CallArguments arguments)
    {
        object? fallback = arguments.Take("default", 0.0);
        return value is MarkedText shown
            ? double.TryParse(shown.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : fallback
            : TemplateOperators.Number(value) ?? fallback;
    }

    private MarkedText Indent(MarkedText shown, CallArguments arguments)
    {
        object? width = arguments.Take("width", 4L);
        bool first = arguments.Flag("first"), blank = arguments.Flag("blank");
        if (width is MarkedText or not long or < 0L or > 256L)
        {
            throw new TemplateFault("indent takes a width of 0 to 256 blanks.");
        }

        string blanks = new(' ', (int)(long)width);
        var indented = new MarkedText.Builder(budget);
        var lines = shown.Value.Split('\n');
        for (int i = 0, from = 0; i < lines.Length; from += lines[i].Length + 1, i++)
        {
            indented.Add(i > 0 ? "\n" : "");
            indented.Add(i > 0 ? blank || lines[i].Length > 0 ? blanks : "" : first ? blanks : "");
            indented.Add(shown.Slice(from, lines[i].Length));
        }

        return indented.ToText();
    }

    private MarkedText Join(object? value, CallArguments arguments)
    {
        var separator = arguments.Text("d") ?? MarkedText.Template("");
        object? member = arguments.Take("attribute");
        var parts = TemplateOperators.Items(value).Select(item => text.Show(member is null ? item : Path(item, member)));
        return methods.Join(separator, [.. parts]);
    }

    private static ListValue SortedPairs(DictValue dict, CallArguments arguments)
    {
        bool exact = arguments.Flag("case_sensitive");
        bool byValue = arguments.Take("by") is MarkedText { Value: "value" };
        bool falls = arguments.Flag("reverse");
        var pairs = TemplateMembers.Pairs(dict).Items;
        return new ListValue(Sorted(pairs, pair => ((ListValue)pair!).Items[byValue ? 1 : 0], exact, falls));
    }

    private static ListValue Sort(List<object?> items, CallArguments arguments)
    {
        bool falls = arguments.Flag("reverse"), exact = arguments.Flag("case_sensitive");
        object? member = arguments.Take("attribute");
        return new ListValue(Sorted(items, item => member is null ? item : Path(item, member), exact, falls));
    }

    private static List<object?> Sorted(List<object?> items, Func<object?, object?> key, bool exact, bool falls)
    {
        object? Key(object? item) =>
            key(item) is MarkedText shown && !exact ? shown.With(shown.Value.ToLowerInvariant()) : key(item);
        var order = Comparer<object?>.Create((left, right) => TemplateOperators.Order(left, right));
        try
        {
            return falls ? [.. items.OrderByDescending(Key, order)] : [.. items.OrderBy(Key, order)];
        }
        catch (InvalidOperationException e) when (e.InnerException is TemplateFault fault)
        {
            throw fault;
        }
    }

    private ListValue Unique(List<object?> items)
    {
        var unique = new List<object?>();
        foreach (object? item in items)
        {
            budget.Work(unique.Count);
            if (!unique.Exists(other => operators.AreEqual(other, item)))
            {
                unique.Add(item);
            }
        }

        return new ListValue(unique);
    }

    private object? Fold(string name, List<object?> items) => name == "sum"
        ? items.Aggregate((object?)0L, (sum, item) => operators.Apply("+", sum, item))
        : items.Count == 0 ? new UndefinedValue(name)
        : items.Aggregate((best, item) => TemplateOperators.Order(item, best) * (name == "min" ? -1 : 1) > 0 ? item : best);

    private ListValue Map(List<object?> items, CallArguments arguments)
    {
        if (arguments.Take("attribute") is not { } first)
        {
            throw new TemplateFault("map needs a filter or attribute=.");
        }

        if (arguments.Named.ContainsKey("attribute"))
        {
            object? fallback = arguments.Take("default");
            object? Value(object? item) => Path(item, first) is UndefinedValue unknown ? fallback ?? unknown : Path(item, first);
            return new ListValue([.. items.Select(Value)]);
        }

        string filter = (first as MarkedText is { HasInput: false } shown ? shown.Value : null)
            ?? throw new TemplateFault("map takes the name of a filter.");
        var rest = Rest(arguments);
        return new ListValue([.. items.Select(item => Apply(filter, item, new CallArguments($"the filter '{filter}'", rest, [])))]);
    }

    private ListValue Choose(List<object?> items, CallArguments arguments, bool byMember, bool keeps)
    {
        object? member = byMember ? arguments.Require("attribute") : null;
        string? test = arguments.Text("test") switch
        {
            { HasInput: true } => throw new TemplateFault($"{arguments.Owner} takes the name of a test."),
            var name => name?.Value,
        };
        var rest = Rest(arguments);
        return new ListValue([.. items.Where(item =>
        {
            object? value = byMember ? Path(item, member) : item;
            bool passes = test is null
                ? TemplateOperators.IsTrue(value)
                : TemplateTests.Passes(test, value, new CallArguments($"the test '{test}'", rest, []), operators);
            return passes == keeps;
        })]);
    }

    private static List<object?> Rest(CallArguments arguments)
    {
        var rest = new List<object?>();
        while (arguments.HasMore)
        {
            rest.Add(arguments.Take("value"));
        }

        return rest;
    }

    // 'a.b' and numbers, as Jinja's attribute= takes them.
    private static object? Path(object? item, object? member) => member is MarkedText path
        ? path.Value.Split('.').Aggregate(item, (value, name) => TemplateMembers.Item(
            value, long.TryParse(name, CultureInfo.InvariantCulture, out long place) ? place : MarkedText.Template(name)))
        : TemplateMembers.Item(item, member);
}
