namespace Rudder.Checkpoints;

/// <summary>Kind of a token of a template.</summary>
internal enum TemplateTokenKind
{
    /// <summary>Text outside tags.</summary>
    Data,

    /// <summary><c>{%</c>.</summary>
    BlockBegin,

    /// <summary><c>%}</c>.</summary>
    BlockEnd,

    /// <summary><c>{{</c>.</summary>
    OutputBegin,

    /// <summary><c>}}</c>.</summary>
    OutputEnd,

    /// <summary>A name or keyword.</summary>
    Name,

    /// <summary>A number.</summary>
    Number,

    /// <summary>A string literal, unescaped.</summary>
    Text,

    /// <summary>An operator or bracket.</summary>
    Sign,

    /// <summary>The end of the template.</summary>
    End,
}

/// <summary>One token of a template.</summary>
internal readonly record struct TemplateToken(TemplateTokenKind Kind, string Text, int Line)
{
    public bool Is(TemplateTokenKind kind, string text) => Kind == kind && Text == text;

    public override string ToString() => Kind == TemplateTokenKind.End ? "the end of the template" : $"'{Text}'";
}
