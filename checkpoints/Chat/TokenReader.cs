namespace Rudder.Checkpoints;

/// <summary>Reads the tokens of a template one by one and counts the nesting.</summary>
internal sealed class TokenReader(List<TemplateToken> tokens, string file, int maxDepth)
{
    private int _at;
    private int _depth;

    public TemplateToken Current => tokens[_at];

    public int Line => Current.Line;

    public TemplateToken Next() => tokens[_at < tokens.Count - 1 ? _at++ : _at];

    public bool IsSign(string sign) => Current.Is(TemplateTokenKind.Sign, sign);

    public bool IsName(string name) => Current.Is(TemplateTokenKind.Name, name);

    /// <summary>Whether the token after the current one is a name.</summary>
    public bool IsNextName(string name) => _at + 1 < tokens.Count && tokens[_at + 1].Is(TemplateTokenKind.Name, name);

    public bool TrySign(string sign) => Try(IsSign(sign));

    public bool TryName(string name) => Try(IsName(name));

    public string Take(TemplateTokenKind kind, string expected) =>
        Current.Kind == kind ? Next().Text : throw Fault($"{expected} was expected, found {Current}.");

    public void TakeSign(string sign)
    {
        if (!TrySign(sign))
        {
            throw Fault($"'{sign}' was expected, found {Current}.");
        }
    }

    public void TakeName(string name)
    {
        if (!TryName(name))
        {
            throw Fault($"'{name}' was expected, found {Current}.");
        }
    }

    /// <summary>Parses one level deeper.</summary>
    public T Deeper<T>(Func<T> parse)
    {
        if (++_depth > maxDepth)
        {
            throw Fault($"the nesting is deeper than {maxDepth} levels. Simplify the template.");
        }

        var result = parse();
        _depth--;
        return result;
    }

    public ChatTemplateException Fault(string message) => new(file, Line, message);

    private bool Try(bool matches)
    {
        if (matches)
        {
            Next();
        }

        return matches;
    }
}
