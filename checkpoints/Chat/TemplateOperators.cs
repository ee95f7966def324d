namespace Rudder.Checkpoints;

/// <summary>Python's operators on the values of a template.</summary>
internal sealed class TemplateOperators(RenderBudget budget, PythonText text)
{
    /// <summary><c>bool(value)</c>.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null or UndefinedValue => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        MarkedText shown => shown.Value.Length > 0,
        ListValue list => list.Items.Count > 0,
        DictValue dict => dict.Items.Count > 0,
        _ => true,
    };

    /// <summary>What a loop over the value visits.</summary>
    /// <param name="value">A list, the characters of a text, the keys of a dict, or nothing for an undefined value.</param>
    public static List<object?> Items(object? value) => value switch
    {
        ListValue list => list.Items,
        DictValue dict => [.. dict.Items.Keys.Select(dict.Key)],
        MarkedText shown => [.. shown.Split()],
        UndefinedValue => [],
        _ => throw new TemplateFault($"{Kind(value)} is not a list, a dict or a text."),
    };

    /// <summary>Name of a value's type, for messages.</summary>
    public static string Kind(object? value) => value switch
    {
        null => "none",
        bool => "a boolean",
        long or double => "a number",
        MarkedText => "a text",
        ListValue => "a list",
        DictValue => "a dict",
        UndefinedValue unknown => $"'{unknown.Name}', which is undefined,",
        NamespaceValue => "a namespace",
        LoopValue => "loop",
        _ => "a function",
    };

    /// <summary><c>left == right</c>.</summary>
    public bool AreEqual(object? left, object? right)
    {
        budget.Enter();
        bool equal = (left, right) switch
        {
            (null, null) or (UndefinedValue, UndefinedValue) => true,
            (MarkedText a, MarkedText b) => a.Equals(b),
            (ListValue a, ListValue b) => a.Items.Count == b.Items.Count
                && a.Items.Zip(b.Items).All(pair => AreEqual(pair.First, pair.Second)),
            (DictValue a, DictValue b) => a.Items.Count == b.Items.Count
                && a.Items.All(item => b.Items.TryGetValue(item.Key, out object? other) && AreEqual(item.Value, other)),
            _ => Number(left) is { } x && Number(right) is { } y ? x == y : left is not null && ReferenceEquals(left, right),
        };
        budget.Leave();
        return equal;
    }

    /// <summary>A comparison or <c>in</c>.</summary>
    public bool Compare(string sign, object? left, object? right) => sign switch
    {
        "==" => AreEqual(left, right),
        "!=" => !AreEqual(left, right),
        "in" => Contains(right, left),
        "not in" => !Contains(right, left),
        "<" => Order(left, right) < 0,
        "<=" => Order(left, right) <= 0,
        ">" => Order(left, right) > 0,
        _ => Order(left, right) >= 0,
    };

    /// <summary>Sign of <c>left - right</c>, for numbers and for texts.</summary>
    public static int Order(object? left, object? right) => (left, right) switch
    {
        (MarkedText a, MarkedText b) => string.CompareOrdinal(a.Value, b.Value),
        _ when Number(left) is { } x && Number(right) is { } y => x.CompareTo(y),
        _ => throw new TemplateFault($"{Kind(left)} and {Kind(right)} have no order."),
    };

    /// <summary><c>item in container</c>.</summary>
    public bool Contains(object? container, object? item) => container switch
    {
        MarkedText whole when item is MarkedText part => whole.Value.Contains(part.Value, StringComparison.Ordinal),
        DictValue dict => item is MarkedText key && dict.Items.ContainsKey(key.Value),
        ListValue list => list.Items.Any(other => AreEqual(item, other)),
        UndefinedValue => false,
        _ => throw new TemplateFault($"'in' cannot search for {Kind(item)} in {Kind(container)}."),
    };

    /// <summary>An arithmetic operator, or <c>~</c>.</summary>
    public object Apply(string sign, object? left, object? right)
    {
        if (sign == "~")
        {
            return Join(text.Show(left), text.Show(right));
        }

        return (sign, left, right) switch
        {
            ("+", MarkedText a, MarkedText b) => Join(a, b),
            ("+", ListValue a, ListValue b) => Repeat([.. a.Items, .. b.Items], 1),
            ("*", MarkedText a, long times) => Repeat(a, times),
            ("*", ListValue a, long times) => Repeat(a.Items, times),
            _ when Whole(left) is { } a && Whole(right) is { } b => Calculate(sign, a, b),
            _ when Number(left) is { } a && Number(right) is { } b => Calculate(sign, a, b),
            _ => throw new TemplateFault($"'{sign}' cannot join {Kind(left)} and {Kind(right)}."),
        };
    }

    /// <summary>A number or a boolean as a number; null for other values.</summary>
    public static double? Number(object? value) => value is double number ? number : Whole(value);

    /// <summary>A whole number or a boolean; null for other values.</summary>
    public static long? Whole(object? value) => value switch { long number => number, bool flag => flag ? 1 : 0, _ => null };

    /// <summary>Joins two texts.</summary>
    public MarkedText Join(MarkedText left, MarkedText right)
    {
        var joined = new MarkedText.Builder(budget);
        joined.Add(left);
        joined.Add(right);
        return joined.ToText();
    }

    private MarkedText Repeat(MarkedText part, long times)
    {
        var joined = new MarkedText.Builder(budget);
        budget.Work((long)Int128.Clamp((Int128)times * part.Value.Length, 0, long.MaxValue >> 1));
        for (long i = 0; i < times && part.Value.Length > 0; i++)
        {
            joined.Add(part);
        }

        return joined.ToText();
    }

    private ListValue Repeat(List<object?> items, long times)
    {
        var joined = new List<object?>();
        budget.List(Int128.Max(0, (Int128)times * items.Count));
        for (long i = 0; i < times && items.Count > 0; i++)
        {
            joined.AddRange(items);
        }

        return new ListValue(joined);
    }

    private static object Calculate(string sign, long a, long b)
    {
        try
        {
            return sign switch
            {
                "+" => (object)checked(a + b),
                "-" => checked(a - b),
                "*" => checked(a * b),
                "/" => (double)a / NotZero(b),
                "//" => (a - Modulo(a, NotZero(b))) / b,
                "%" => Modulo(a, NotZero(b)),
                "**" => Calculate(sign, a, (double)b) is var power && b >= 0 && Math.Abs(power) < 1L << 53 ? (object)(long)power : power,
                _ => throw new TemplateFault($"the operator '{sign}' is not supported."),
            };
        }
        catch (OverflowException)
        {
            throw new TemplateFault($"{a} {sign} {b} has more than 64 bits.");
        }
    }

    private static double Calculate(string sign, double a, double b) => sign switch
    {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / (b == 0 ? NotZero(0) : b),
        "//" => Math.Floor(a / (b == 0 ? NotZero(0) : b)),
        "%" => a - (b * Math.Floor(a / (b == 0 ? NotZero(0) : b))),
        "**" => Math.Pow(a, b),
        _ => throw new TemplateFault($"the operator '{sign}' is not supported."),
    };

    // Python's remainder has the sign of the divisor.
    private static long Modulo(long a, long b)
    {
        long rest = b == -1 ? 0 : a % b;
        return rest != 0 && rest < 0 != b < 0 ? rest + b : rest;
    }

    private static long NotZero(long divisor) => divisor != 0 ? divisor : throw new TemplateFault("the template divides by zero.");
}
