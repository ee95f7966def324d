namespace Rudder.Checkpoints;

/// <summary>Evaluated arguments of a call, filter or test.</summary>
/// <param name="owner">What is called, for messages.</param>
/// <param name="positional">Arguments by place.</param>
/// <param name="named">Arguments by name.</param>
internal sealed class CallArguments(string owner, List<object?> positional, Dictionary<string, object?> named)
{
    private readonly HashSet<string> _taken = [];
    private int _places;

    public string Owner => owner;

    /// <summary>Whether an argument is left that nobody took.</summary>
    public bool HasMore => _places < positional.Count;

    /// <summary>The names of the arguments given by name.</summary>
    public IReadOnlyDictionary<string, object?> Named => named;

    /// <summary>The next argument by place, else by name, else the default.</summary>
    public object? Take(string name, object? fallback = null)
    {
        _taken.Add(name);
        return _places < positional.Count ? positional[_places++] : named.GetValueOrDefault(name, fallback);
    }

    /// <summary>The next argument, which must be there.</summary>
    public object? Require(string name) =>
        HasMore || named.ContainsKey(name) ? Take(name) : throw new TemplateFault($"{owner} needs the argument '{name}'.");

    /// <summary>The next argument, a text or none.</summary>
    public MarkedText? Text(string name) => Take(name) switch
    {
        null => null,
        MarkedText text => text,
        var other => throw new TemplateFault($"{owner} takes a text as '{name}', not {TemplateOperators.Kind(other)}."),
    };

    /// <summary>The next argument, a text that must be there.</summary>
    public MarkedText RequireText(string name) => Text(name) ?? throw new TemplateFault($"{owner} needs a text as '{name}'.");

    /// <summary>The next argument, a whole number.</summary>
    public long? Whole(string name) => Take(name) switch
    {
        null => null,
        var value => TemplateOperators.Whole(value)
            ?? throw new TemplateFault($"{owner} takes a whole number as '{name}', not {TemplateOperators.Kind(value)}."),
    };

    /// <summary>The next argument as a condition.</summary>
    public bool Flag(string name) => TemplateOperators.IsTrue(Take(name));

    /// <summary>Checks that nothing is left.</summary>
    public void End()
    {
        if (HasMore)
        {
            throw new TemplateFault($"{owner} takes fewer arguments than {positional.Count}.");
        }

        if (named.Keys.FirstOrDefault(name => !_taken.Contains(name)) is { } unknown)
        {
            throw new TemplateFault($"{owner} does not support the argument '{unknown}'.");
        }
    }
}
