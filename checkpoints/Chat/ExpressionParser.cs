using System.Globalization;

namespace Rudder.Checkpoints;

/// <summary>Parses expressions with Jinja's precedence, from the weakest operator to the strongest.</summary>
internal sealed class ExpressionParser(TokenReader tokens)
{
    private static readonly string[] Comparisons = ["==", "!=", "<", "<=", ">", ">="];
    private static readonly string[] NotAnArgument = ["else", "or", "and", "is", "if", "in", "not"];

    /// <summary>An expression, or several with commas between them, which are a list.</summary>
    public Expression ParseTuple(bool withCondition = true)
    {
        int line = tokens.Line;
        Expression Item() => withCondition ? Parse() : tokens.Deeper(ParseOr);
        var first = Item();
        if (!tokens.IsSign(","))
        {
            return first;
        }

        var items = new List<Expression> { first };
        bool Ends() => tokens.Current.Kind is TemplateTokenKind.BlockEnd or TemplateTokenKind.OutputEnd || tokens.IsSign(")");
        while (tokens.TrySign(",") && !Ends())
        {
            items.Add(Item());
        }

        return new ListExpression(items, line);
    }

    /// <summary>One expression.</summary>
    public Expression Parse() => tokens.Deeper(() =>
    {
        int line = tokens.Line;
        var value = ParseOr();
        while (tokens.TryName("if"))
        {
            var condition = ParseOr();
            value = new ConditionalExpression(condition, value, tokens.TryName("else") ? Parse() : null, line);
        }

        return value;
    });

    private Expression ParseOr() => ParseNames("or", () => ParseNames("and", ParseNot));

    private Expression ParseNames(string name, Func<Expression> parse)
    {
        var left = parse();
        while (tokens.IsName(name))
        {
            int line = tokens.Next().Line;
            left = new BinaryExpression(name, left, parse(), line);
        }

        return left;
    }

    private Expression ParseNot()
    {
        int line = tokens.Line;
        return tokens.TryName("not") ? new UnaryExpression("not", tokens.Deeper(ParseNot), line) : ParseCompare();
    }

    private Expression ParseCompare()
    {
        int line = tokens.Line;
        var first = ParseSum();
        var rest = new List<(string, Expression)>();
        while (true)
        {
            if (tokens.Current.Kind == TemplateTokenKind.Sign && Comparisons.Contains(tokens.Current.Text))
            {
                rest.Add((tokens.Next().Text, ParseSum()));
            }
            else if (tokens.TryName("in"))
            {
                rest.Add(("in", ParseSum()));
            }
            else if (tokens.IsName("not") && tokens.IsNextName("in"))
            {
                tokens.Next();
                tokens.Next();
                rest.Add(("not in", ParseSum()));
            }
            else
            {
                return rest.Count == 0 ? first : new CompareExpression(first, rest, line);
            }
        }
    }

    private Expression ParseSum() => ParseSigns(["+", "-"], () => ParseSigns(["~"], ParseProduct));

    private Expression ParseProduct() => ParseSigns(["*", "/", "//", "%"], () => ParseSigns(["**"], () => ParseUnary()));

    private Expression ParseSigns(string[] signs, Func<Expression> parse)
    {
        var left = parse();
        while (tokens.Current.Kind == TemplateTokenKind.Sign && signs.Contains(tokens.Current.Text))
        {
            var sign = tokens.Next();
            left = new BinaryExpression(sign.Text, left, parse(), sign.Line);
        }

        return left;
    }

    private Expression ParseUnary(bool withFilter = true)
    {
        int line = tokens.Line;
        var value = tokens.IsSign("-") || tokens.IsSign("+")
            ? new UnaryExpression(tokens.Next().Text, tokens.Deeper(() => ParseUnary(withFilter: false)), line)
            : ParsePostfix(ParsePrimary());
        return withFilter ? ParseFilters(value) : value;
    }

    private Expression ParsePrimary()
    {
        var token = tokens.Next();
        switch (token.Kind)
        {
            case TemplateTokenKind.Name:
                return ParseWord(token);
            case TemplateTokenKind.Number:
                return new LiteralExpression(Number(token), token.Line);
            case TemplateTokenKind.Text:
                string text = token.Text;
                while (tokens.Current.Kind == TemplateTokenKind.Text)
                {
                    text += tokens.Next().Text;
                }

                return new LiteralExpression(MarkedText.Template(text), token.Line);
            case TemplateTokenKind.Sign when token.Text == "(":
                return ParseBrackets(token.Line);
            case TemplateTokenKind.Sign when token.Text == "[":
                return new ListExpression(ParseItems("]", Parse), token.Line);
            case TemplateTokenKind.Sign when token.Text == "{":
                return new DictExpression(ParseItems("}", ParsePair), token.Line);
            default:
                throw tokens.Fault($"an expression was expected, found {token}.");
        }
    }

    private static Expression ParseWord(TemplateToken token) => token.Text switch
    {
        "true" or "True" => new LiteralExpression(true, token.Line),
        "false" or "False" => new LiteralExpression(false, token.Line),
        "none" or "None" => new LiteralExpression(null, token.Line),
        _ => new NameExpression(token.Text, token.Line),
    };

    private Expression ParseBrackets(int line)
    {
        if (tokens.TrySign(")"))
        {
            return new ListExpression([], line);
        }

        var value = ParseTuple();
        tokens.TakeSign(")");
        return value;
    }

    private (Expression Key, Expression Value) ParsePair()
    {
        var key = Parse();
        tokens.TakeSign(":");
        return (key, Parse());
    }

    private List<T> ParseItems<T>(string end, Func<T> parse)
    {
        var items = new List<T>();
        while (!tokens.TrySign(end))
        {
            items.Add(parse());
            if (!tokens.IsSign(end))
            {
                tokens.TakeSign(",");
            }
        }

        return items;
    }

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            int line = tokens.Line;
            if (tokens.TrySign("."))
            {
                value = tokens.Current.Kind == TemplateTokenKind.Number
                    ? new ItemExpression(value, new LiteralExpression(Number(tokens.Next()), line), line)
                    : new MemberExpression(value, tokens.Take(TemplateTokenKind.Name, "a name"), line);
            }
            else if (tokens.TrySign("["))
            {
                value = ParseIndex(value, line);
            }
            else if (tokens.IsSign("("))
            {
                value = new CallExpression(value, ParseArguments(), line);
            }
            else
            {
                return value;
            }
        }
    }

    private Expression ParseIndex(Expression target, int line)
    {
        Expression? Part() => tokens.IsSign(":") || tokens.IsSign("]") ? null : Parse();
        var start = Part();
        if (tokens.TrySign("]"))
        {
            return new ItemExpression(target, start ?? throw tokens.Fault("an index is missing."), line);
        }

        tokens.TakeSign(":");
        var stop = Part();
        var step = tokens.TrySign(":") ? Part() : null;
        tokens.TakeSign("]");
        return new SliceExpression(target, start, stop, step, line);
    }

    private Expression ParseFilters(Expression value)
    {
        while (true)
        {
            int line = tokens.Line;
            if (tokens.TrySign("|"))
            {
                string name = tokens.Take(TemplateTokenKind.Name, "a filter");
                value = ParsePostfix(new FilterExpression(value, name, tokens.IsSign("(") ? ParseArguments() : ArgumentList.None, line));
            }
            else if (tokens.TryName("is"))
            {
                bool negated = tokens.TryName("not");
                bool isSign = tokens.Current.Kind == TemplateTokenKind.Sign;
                string name = isSign ? tokens.Next().Text : tokens.Take(TemplateTokenKind.Name, "a test");
                value = new TestExpression(value, name, ParseTestArguments(), negated, line);
            }
            else
            {
                return value;
            }
        }
    }

    private ArgumentList ParseTestArguments()
    {
        if (tokens.IsSign("("))
        {
            return ParseArguments();
        }

        bool hasArgument = tokens.Current.Kind is TemplateTokenKind.Text or TemplateTokenKind.Number
            || tokens.IsSign("[") || tokens.IsSign("{")
            || (tokens.Current.Kind == TemplateTokenKind.Name && !NotAnArgument.Contains(tokens.Current.Text));
        return hasArgument ? new ArgumentList([ParsePostfix(ParsePrimary())], []) : ArgumentList.None;
    }

    private ArgumentList ParseArguments()
    {
        tokens.TakeSign("(");
        var positional = new List<Expression>();
        var named = new List<(string, Expression)>();
        ParseItems(")", () =>
        {
            if (tokens.IsSign("*") || tokens.IsSign("**"))
            {
                throw tokens.Fault("unpacked arguments (*, **) are not supported.");
            }

            var value = Parse();
            if (value is NameExpression name && tokens.TrySign("="))
            {
                named.Add((name.Name, Parse()));
            }
            else
            {
                positional.Add(value);
            }

            return value;
        });
        return new ArgumentList(positional, named);
    }

    private object Number(TemplateToken token)
    {
        string digits = token.Text.Replace("_", "", StringComparison.Ordinal);
        return !digits.All(char.IsAsciiDigit) ? double.Parse(digits, CultureInfo.InvariantCulture)
            : long.TryParse(digits, CultureInfo.InvariantCulture, out long whole) ? (object)whole
            : throw tokens.Fault($"the number {token.Text} has more than 64 bits.");
    }
}
