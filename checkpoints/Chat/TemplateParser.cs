namespace Rudder.Checkpoints;

/// <summary>Parses the statements of a template.</summary>
internal sealed class TemplateParser
{
    private readonly TokenReader _tokens;
    private readonly ExpressionParser _expressions;

    private TemplateParser(TokenReader tokens) => (_tokens, _expressions) = (tokens, new ExpressionParser(tokens));

    /// <summary>Parses a whole template.</summary>
    /// <exception cref="ChatTemplateException">The template is invalid or uses a construct that is not supported.</exception>
    public static IReadOnlyList<Statement> Parse(string source, string file, int maxDepth) =>
        new TemplateParser(new TokenReader(TemplateLexer.Read(source, file), file, maxDepth)).ParseBody();

    /// <summary>Parses up to a tag that starts with one of the names, which stays current, or to the end if there are none.</summary>
    private IReadOnlyList<Statement> ParseBody(params string[] ends) => _tokens.Deeper(() =>
    {
        var body = new List<Statement>();
        while (true)
        {
            var token = _tokens.Next();
            switch (token.Kind)
            {
                case TemplateTokenKind.Data:
                    body.Add(new TextStatement(MarkedText.Template(token.Text), token.Line));
                    break;
                case TemplateTokenKind.OutputBegin:
                    body.Add(new OutputStatement(_expressions.ParseTuple(), token.Line));
                    _tokens.Take(TemplateTokenKind.OutputEnd, "}}");
                    break;
                case TemplateTokenKind.End when ends.Length == 0:
                    return (IReadOnlyList<Statement>)body;
                case TemplateTokenKind.End:
                    throw _tokens.Fault($"the template ends, but '{ends[^1]}' was expected.");
                default:
                    if (ends.Contains(_tokens.Current.Text))
                    {
                        return body;
                    }

                    body.Add(ParseTag());
                    break;
            }
        }
    });

    private Statement ParseTag()
    {
        int line = _tokens.Line;
        string name = _tokens.Take(TemplateTokenKind.Name, "a statement");
        return name switch
        {
            "if" => ParseIf(line),
            "for" => ParseFor(line),
            "set" => ParseSet(line),
            "macro" => ParseMacro(line),
            "generation" => Closed(new BodyStatement(ParseClosed("endgeneration"), line)),
            "break" or "continue" => Closed(new LeaveStatement(name == "break", line)),
            _ => throw _tokens.Fault(
                $"the statement '{name}' is not supported; for, if, set, macro, generation, break, continue and raw are."),
        };
    }

    private IfStatement ParseIf(int line)
    {
        var branches = new List<(Expression?, IReadOnlyList<Statement>)>();
        Expression? condition = _expressions.ParseTuple();
        while (true)
        {
            Close();
            branches.Add((condition, condition is null ? ParseBody("endif") : ParseBody("elif", "else", "endif")));
            string end = _tokens.Next().Text;
            if (end == "endif")
            {
                return Closed(new IfStatement(branches, line));
            }

            condition = end == "elif" ? _expressions.ParseTuple() : null;
        }
    }

    private ForStatement ParseFor(int line)
    {
        var targets = ParseTargets();
        _tokens.TakeName("in");
        var items = _expressions.ParseTuple(withCondition: false);
        var filter = _tokens.TryName("if") ? _expressions.Parse() : null;
        if (_tokens.IsName("recursive"))
        {
            throw _tokens.Fault("a recursive loop is not supported.");
        }

        Close();
        var body = ParseBody("else", "endfor");
        IReadOnlyList<Statement> otherwise = [];
        if (_tokens.Next().Text == "else")
        {
            Close();
            otherwise = ParseBody("endfor");
            _tokens.Next();
        }

        return Closed(new ForStatement(targets, items, filter, body, otherwise, line));
    }

    private SetStatement ParseSet(int line)
    {
        var targets = ParseTargets();
        string? member = targets.Count == 1 && _tokens.TrySign(".") ? _tokens.Take(TemplateTokenKind.Name, "a name") : null;
        if (_tokens.TrySign("="))
        {
            return Closed(new SetStatement(targets, member, _expressions.ParseTuple(), [], line));
        }

        return targets.Count == 1 && _tokens.Current.Kind == TemplateTokenKind.BlockEnd
            ? Closed(new SetStatement(targets, member, null, ParseClosed("endset"), line))
            : throw _tokens.Fault($"'=' was expected after set, found {_tokens.Current}.");
    }

    private MacroStatement ParseMacro(int line)
    {
        string name = _tokens.Take(TemplateTokenKind.Name, "the macro's name");
        var parameters = new List<(string, Expression?)>();
        _tokens.TakeSign("(");
        while (!_tokens.TrySign(")"))
        {
            string parameter = _tokens.Take(TemplateTokenKind.Name, "a parameter");
            parameters.Add((parameter, _tokens.TrySign("=") ? _expressions.Parse() : null));
            if (!_tokens.IsSign(")"))
            {
                _tokens.TakeSign(",");
            }
        }

        return Closed(new MacroStatement(name, parameters, ParseClosed("endmacro"), line));
    }

    private List<string> ParseTargets()
    {
        bool brackets = _tokens.TrySign("(");
        var names = new List<string>();
        do
        {
            names.Add(_tokens.Take(TemplateTokenKind.Name, "a name"));
        }
        while (_tokens.TrySign(","));

        if (brackets)
        {
            _tokens.TakeSign(")");
        }

        return names;
    }

    private IReadOnlyList<Statement> ParseClosed(string end)
    {
        Close();
        var body = ParseBody(end);
        _tokens.Next();
        return body;
    }

    private void Close() => _tokens.Take(TemplateTokenKind.BlockEnd, "%}");

    private T Closed<T>(T statement)
    {
        Close();
        return statement;
    }
}
