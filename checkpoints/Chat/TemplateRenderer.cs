namespace Rudder.Checkpoints;

/// <summary>Renders the statements of a template once.</summary>
internal sealed partial class TemplateRenderer
{
    private readonly RenderBudget _budget;
    private readonly PythonText _text;
    private readonly TemplateOperators _operators;
    private readonly TextMethods _methods;
    private readonly TemplateFilters _filters;
    private readonly TemplateFunctions _functions;
    private MarkedText.Builder _output;

    public TemplateRenderer(RenderBudget budget, TimeProvider time)
    {
        _budget = budget;
        _text = new PythonText(budget);
        _operators = new TemplateOperators(budget, _text);
        _methods = new TextMethods(budget);
        _filters = new TemplateFilters(budget, _text, _operators, _methods);
        _functions = new TemplateFunctions(budget, _text, time);
        _output = new MarkedText.Builder(budget);
    }

    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    /// <summary>Line of the statement or expression that ran last.</summary>
    public int Line { get; private set; } = 1;

    /// <summary>Renders a template.</summary>
    /// <exception cref="TemplateFault">The template fails, refuses the messages, or exceeds a limit.</exception>
    public MarkedText Render(IReadOnlyList<Statement> template, TemplateScope names) => Capture(template, names);

    private MarkedText Capture(IReadOnlyList<Statement> body, TemplateScope scope)
    {
        var outer = _output;
        _output = new MarkedText.Builder(_budget);
        Run(body, scope);
        var text = _output.ToText();
        _output = outer;
        return text;
    }

    private Flow Run(IReadOnlyList<Statement> body, TemplateScope scope)
    {
        _budget.Enter();
        var flow = Flow.Next;
        for (int i = 0; i < body.Count && flow == Flow.Next; i++)
        {
            Line = body[i].Line;
            _budget.Step();
            flow = Run(body[i], scope);
        }

        _budget.Leave();
        return flow;
    }

    private Flow Run(Statement statement, TemplateScope scope)
    {
        switch (statement)
        {
            case TextStatement text:
                Write(text.Text);
                return Flow.Next;
            case OutputStatement output:
                Write(_text.Show(Evaluate(output.Value, scope)));
                return Flow.Next;
            case IfStatement choice:
                var branch = choice.Branches.FirstOrDefault(branch => branch.Condition is null || IsTrue(branch.Condition, scope));
                return branch.Body is null ? Flow.Next : Run(branch.Body, scope);
            case ForStatement loop:
                return Loop(loop, scope);
            case SetStatement set:
                Set(set, scope);
                return Flow.Next;
            case MacroStatement macro:
                scope.Set(macro.Name, new MacroValue(macro, scope));
                return Flow.Next;
            case BodyStatement body:
                return Run(body.Body, scope);
            case LeaveStatement leave:
                return leave.Ends ? Flow.Break : Flow.Continue;
            default:
                throw new TemplateFault("this statement is not supported.");
        }
    }

    private void Write(MarkedText text)
    {
        _budget.Output(_output.Length + text.Value.Length);
        _output.Add(text);
    }

    private Flow Loop(ForStatement loop, TemplateScope scope)
    {
        var items = TemplateOperators.Items(Evaluate(loop.Items, scope));
        if (loop.Filter is not null)
        {
            items = [.. items.Where(item => IsTrue(loop.Filter, Bind(loop.Targets, item, scope)))];
        }

        if (items.Count == 0)
        {
            return Run(loop.Else, scope);
        }

        var state = new LoopValue(items);
        for (; state.Index < items.Count; state.Index++)
        {
            var turn = Bind(loop.Targets, items[state.Index], scope);
            turn.Set("loop", state);
            if (Run(loop.Body, turn) == Flow.Break)
            {
                break;
            }
        }

        return Flow.Next;
    }

    private static TemplateScope Bind(IReadOnlyList<string> targets, object? item, TemplateScope scope)
    {
        var inner = new TemplateScope(scope);
        Assign(targets, item, inner);
        return inner;
    }

    private static void Assign(IReadOnlyList<string> targets, object? value, TemplateScope scope)
    {
        if (targets.Count == 1)
        {
            scope.Set(targets[0], value);
            return;
        }

        var parts = TemplateOperators.Items(value);
        if (parts.Count != targets.Count)
        {
            throw new TemplateFault($"{targets.Count} names do not take {parts.Count} values.");
        }

        for (int i = 0; i < parts.Count; i++)
        {
            scope.Set(targets[i], parts[i]);
        }
    }

    private void Set(SetStatement set, TemplateScope scope)
    {
        object? value = set.Value is null ? Capture(set.Body, new TemplateScope(scope)) : Evaluate(set.Value, scope);
        if (set.Member is null)
        {
            Assign(set.Targets, value, scope);
            return;
        }

        var names = scope.Get(set.Targets[0]) as NamespaceValue
            ?? throw new TemplateFault($"'{set.Targets[0]}' is not a namespace, so its members cannot be set.");
        names.Members[set.Member] = value;
    }
}
