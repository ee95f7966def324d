namespace Rudder.Checkpoints;

/// <summary>The expressions of a template.</summary>
internal sealed partial class TemplateRenderer
{
    private bool IsTrue(Expression expression, TemplateScope scope) => TemplateOperators.IsTrue(Evaluate(expression, scope));

    private object? Evaluate(Expression expression, TemplateScope scope)
    {
        _budget.Enter();
        Line = expression.Line;
        object? value = expression switch
        {
            LiteralExpression literal => literal.Value,
            NameExpression name => Lookup(name.Name, scope),
            ListExpression list => new ListValue([.. list.Items.Select(item => Evaluate(item, scope))]),
            DictExpression dict => MakeDict(dict, scope),
            MemberExpression member => TemplateMembers.Member(Evaluate(member.Target, scope), member.Name),
            ItemExpression item => TemplateMembers.Item(Evaluate(item.Target, scope), Evaluate(item.Index, scope)),
            SliceExpression slice => TemplateMembers.Slice(
                Evaluate(slice.Target, scope), Place(slice.Start, scope), Place(slice.Stop, scope), Place(slice.Step, scope)),
            CallExpression call => Call(call, scope),
            FilterExpression filter => ApplyFilter(filter, scope),
            TestExpression test => Passes(test, scope) != test.Negated,
            UnaryExpression unary => Unary(unary, scope),
            BinaryExpression binary => Binary(binary, scope),
            CompareExpression compare => Compare(compare, scope),
            ConditionalExpression choice => IsTrue(choice.Condition, scope) ? Evaluate(choice.Then, scope)
                : choice.Else is null ? new UndefinedValue("the value of an if without else") : Evaluate(choice.Else, scope),
            _ => throw new TemplateFault("this expression is not supported."),
        };
        _budget.Leave();
        return value;
    }

    private long? Place(Expression? expression, TemplateScope scope) => expression is null || Evaluate(expression, scope) is not { } value
        ? null
        : TemplateOperators.Whole(value) ?? throw new TemplateFault($"a slice takes whole numbers, not {TemplateOperators.Kind(value)}.");

    private DictValue MakeDict(DictExpression expression, TemplateScope scope)
    {
        var items = new List<(MarkedText Key, object? Value)>();
        foreach (var (key, value) in expression.Items)
        {
            var name = Evaluate(key, scope) as MarkedText ?? throw new TemplateFault("the keys of a dict must be texts.");
            items.Add((name, Evaluate(value, scope)));
        }

        var dict = new DictValue(items.Exists(item => item.Key.HasInput));
        items.ForEach(item => dict.Items[item.Key.Value] = item.Value);
        return dict;
    }

    private static object? Lookup(string name, TemplateScope scope)
    {
        object? value = scope.Get(name);
        return value is UndefinedValue ? TemplateFunctions.Find(name) ?? value : value;
    }

    private bool Passes(TestExpression test, TemplateScope scope)
    {
        object? value = Evaluate(test.Target, scope);
        var arguments = Arguments($"the test '{test.Name}'", test.Arguments, scope);
        Line = test.Line;
        return TemplateTests.Passes(test.Name, value, arguments, _operators);
    }

    private object? ApplyFilter(FilterExpression filter, TemplateScope scope)
    {
        object? value = Evaluate(filter.Target, scope);
        var arguments = Arguments($"the filter '{filter.Name}'", filter.Arguments, scope);
        Line = filter.Line;
        return Charged(_filters.Apply(filter.Name, value, arguments));
    }

    private object? Call(CallExpression call, TemplateScope scope)
    {
        object? target = Evaluate(call.Target, scope);
        string owner = call.Target switch
        {
            NameExpression name => $"{name.Name}()",
            MemberExpression member => $"{member.Name}()",
            _ => "the call",
        };
        if (target is MacroValue macro)
        {
            return CallMacro(macro, Arguments(owner, call.Arguments, scope));
        }

        var arguments = Arguments(owner, call.Arguments, scope);
        Line = call.Line;
        return Charged(target switch
        {
            FunctionValue function => _functions.Call(function, arguments),
            MethodValue { Target: MarkedText text } method => _methods.Call(text, method.Name, arguments),
            MethodValue method => TemplateMembers.Call(method, arguments, _operators),
            _ => throw new TemplateFault($"{owner} is not supported: {TemplateOperators.Kind(target)} cannot be called."),
        });
    }

    private MarkedText CallMacro(MacroValue macro, CallArguments arguments)
    {
        var scope = new TemplateScope(macro.Scope);
        foreach (var (name, fallback) in macro.Macro.Parameters)
        {
            object? given = arguments.Take(name, new UndefinedValue(name));
            scope.Set(name, given is UndefinedValue && fallback is not null ? Evaluate(fallback, scope) : given);
        }

        arguments.End();
        return Capture(macro.Macro.Body, scope);
    }

    private CallArguments Arguments(string owner, ArgumentList list, TemplateScope scope) => new(
        owner,
        [.. list.Positional.Select(argument => Evaluate(argument, scope))],
        list.Named.DistinctBy(argument => argument.Name)
            .ToDictionary(argument => argument.Name, argument => Evaluate(argument.Value, scope), StringComparer.Ordinal));

    private object Unary(UnaryExpression unary, TemplateScope scope)
    {
        object? value = Evaluate(unary.Operand, scope);
        return unary.Sign switch
        {
            "not" => !TemplateOperators.IsTrue(value),
            "-" => _operators.Apply("-", 0L, value),
            _ => _operators.Apply("+", 0L, value),
        };
    }

    private object? Binary(BinaryExpression binary, TemplateScope scope)
    {
        object? left = Evaluate(binary.Left, scope);
        if (binary.Sign is "and" or "or")
        {
            return TemplateOperators.IsTrue(left) == (binary.Sign == "or") ? left : Evaluate(binary.Right, scope);
        }

        object? right = Evaluate(binary.Right, scope);
        Line = binary.Line;
        return _operators.Apply(binary.Sign, left, right);
    }

    private bool Compare(CompareExpression compare, TemplateScope scope)
    {
        object? left = Evaluate(compare.First, scope);
        foreach (var (sign, expression) in compare.Rest)
        {
            object? right = Evaluate(expression, scope);
            if (!_operators.Compare(sign, left, right))
            {
                return false;
            }

            left = right;
        }

        return true;
    }

    // Slices and lists take memory beyond what the builders charge.
    private object? Charged(object? value)
    {
        _budget.Work(value is MarkedText text ? text.Value.Length : 0);
        _budget.List(value is ListValue list ? list.Items.Count : 0);
        return value;
    }
}
