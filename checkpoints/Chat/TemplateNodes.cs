namespace Rudder.Checkpoints;

/// <summary>A statement of a template.</summary>
internal abstract record Statement(int Line);

internal sealed record TextStatement(MarkedText Text, int Line) : Statement(Line);

internal sealed record OutputStatement(Expression Value, int Line) : Statement(Line);

internal sealed record IfStatement(
    IReadOnlyList<(Expression? Condition, IReadOnlyList<Statement> Body)> Branches, int Line)
    : Statement(Line);

internal sealed record ForStatement(
    IReadOnlyList<string> Targets,
    Expression Items,
    Expression? Filter,
    IReadOnlyList<Statement> Body,
    IReadOnlyList<Statement> Else,
    int Line)
    : Statement(Line);

/// <summary>Sets names, or a member of a namespace, to a value or to a rendered body.</summary>
internal sealed record SetStatement(
    IReadOnlyList<string> Targets, string? Member, Expression? Value, IReadOnlyList<Statement> Body, int Line)
    : Statement(Line);

internal sealed record MacroStatement(
    string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

/// <summary>A body that is rendered in place (<c>generation</c>).</summary>
internal sealed record BodyStatement(IReadOnlyList<Statement> Body, int Line) : Statement(Line);

/// <summary><c>break</c> or <c>continue</c>.</summary>
internal sealed record LeaveStatement(bool Ends, int Line) : Statement(Line);

/// <summary>An expression of a template.</summary>
internal abstract record Expression(int Line);

internal sealed record LiteralExpression(object? Value, int Line) : Expression(Line);

internal sealed record NameExpression(string Name, int Line) : Expression(Line);

internal sealed record ListExpression(IReadOnlyList<Expression> Items, int Line) : Expression(Line);

internal sealed record DictExpression(IReadOnlyList<(Expression Key, Expression Value)> Items, int Line) : Expression(Line);

internal sealed record MemberExpression(Expression Target, string Name, int Line) : Expression(Line);

internal sealed record ItemExpression(Expression Target, Expression Index, int Line) : Expression(Line);

internal sealed record SliceExpression(Expression Target, Expression? Start, Expression? Stop, Expression? Step, int Line)
    : Expression(Line);

internal sealed record CallExpression(Expression Target, ArgumentList Arguments, int Line) : Expression(Line);

internal sealed record FilterExpression(Expression Target, string Name, ArgumentList Arguments, int Line) : Expression(Line);

internal sealed record TestExpression(Expression Target, string Name, ArgumentList Arguments, bool Negated, int Line)
    : Expression(Line);

internal sealed record UnaryExpression(string Sign, Expression Operand, int Line) : Expression(Line);

internal sealed record BinaryExpression(string Sign, Expression Left, Expression Right, int Line) : Expression(Line);

internal sealed record CompareExpression(Expression First, IReadOnlyList<(string Sign, Expression Value)> Rest, int Line)
    : Expression(Line);

internal sealed record ConditionalExpression(Expression Condition, Expression Then, Expression? Else, int Line) : Expression(Line);

/// <summary>Arguments of a call, filter or test.</summary>
internal sealed record ArgumentList(IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named)
{
    public static ArgumentList None { get; } = new([], []);
}
