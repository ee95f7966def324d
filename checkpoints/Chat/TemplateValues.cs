namespace Rudder.Checkpoints;

// The values of a template are null (none), bool, long, double, MarkedText and the types below. A template reaches nothing else.

/// <summary>What an unknown name or key gives.</summary>
internal sealed record UndefinedValue(string Name);

/// <summary>A list or tuple.</summary>
internal sealed class ListValue(List<object?> items)
{
    public List<object?> Items { get; } = items;
}

/// <summary>A dict with texts as keys, in the order of insertion.</summary>
/// <param name="isInput">Whether its keys come from the messages.</param>
internal sealed class DictValue(bool isInput)
{
    public OrderedDictionary<string, object?> Items { get; } = new(StringComparer.Ordinal);

    public MarkedText Key(string key) => MarkedText.Of(key, isInput);
}

/// <summary>What <c>namespace()</c> gives: members that a loop can set.</summary>
internal sealed class NamespaceValue
{
    public Dictionary<string, object?> Members { get; } = new(StringComparer.Ordinal);
}

/// <summary>The <c>loop</c> of a for statement.</summary>
internal sealed class LoopValue(List<object?> items)
{
    public int Index { get; set; }

    public object? LastChanged { get; set; }

    public object? Member(string name) => name switch
    {
        "index" => (long)Index + 1,
        "index0" => (long)Index,
        "revindex" => (long)items.Count - Index,
        "revindex0" => (long)items.Count - Index - 1,
        "first" => Index == 0,
        "last" => Index == items.Count - 1,
        "length" => (long)items.Count,
        "previtem" => Index > 0 ? items[Index - 1] : new UndefinedValue("loop.previtem"),
        "nextitem" => Index + 1 < items.Count ? items[Index + 1] : new UndefinedValue("loop.nextitem"),
        _ => throw new TemplateFault($"loop.{name} is not supported."),
    };
}

/// <summary>A method of a value, before its call.</summary>
internal sealed record MethodValue(object Target, string Name);

/// <summary>A function that every template can call.</summary>
internal sealed record FunctionValue(string Name);

/// <summary>A macro and the names that it sees.</summary>
internal sealed record MacroValue(MacroStatement Macro, TemplateScope Scope);

/// <summary>Names of a loop turn, a macro call or the whole template.</summary>
internal sealed class TemplateScope(TemplateScope? outer)
{
    private readonly Dictionary<string, object?> _names = new(StringComparer.Ordinal);

    public void Set(string name, object? value) => _names[name] = value;

    public object? Get(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._names.TryGetValue(name, out object? value))
            {
                return value;
            }
        }

        return new UndefinedValue(name);
    }

    private TemplateScope? Outer { get; } = outer;
}
