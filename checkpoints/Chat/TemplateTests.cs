namespace Rudder.Checkpoints;

/// <summary>The tests of <c>is</c>.</summary>
internal static class TemplateTests
{
    /// <summary>Whether a value passes a test.</summary>
    /// <exception cref="TemplateFault">The test is not supported, or its argument is wrong.</exception>
    public static bool Passes(string name, object? value, CallArguments arguments, TemplateOperators operators)
    {
        bool passes = name switch
        {
            "defined" => value is not UndefinedValue,
            "undefined" => value is UndefinedValue,
            "none" => value is null,
            "string" => value is MarkedText,
            "number" => value is long or double or bool,
            "integer" => value is long,
            "float" => value is double,
            "boolean" => value is bool,
            "true" => value is true,
            "false" => value is false,
            "mapping" => value is DictValue,
            "sequence" => value is ListValue or MarkedText or DictValue or UndefinedValue,
            "iterable" => value is ListValue or MarkedText or DictValue or UndefinedValue,
            "callable" => value is FunctionValue or MacroValue or MethodValue,
            "odd" => Whole(name, value) % 2 != 0,
            "even" => Whole(name, value) % 2 == 0,
            "divisibleby" => operators.Apply("%", Whole(name, value), Whole(name, arguments.Require("num"))) is 0L,
            "lower" => value is MarkedText text && text.Value.Any(char.IsLower) && !text.Value.Any(char.IsUpper),
            "upper" => value is MarkedText text && text.Value.Any(char.IsUpper) && !text.Value.Any(char.IsLower),
            "sameas" => arguments.Require("other") is var other
                && (ReferenceEquals(value, other) || (value is bool or long && value.Equals(other))),
            "in" => operators.Contains(arguments.Require("seq"), value),
            "equalto" or "eq" or "==" => operators.AreEqual(value, arguments.Require("other")),
            "ne" or "!=" => !operators.AreEqual(value, arguments.Require("other")),
            "lt" or "lessthan" or "<" => operators.Compare("<", value, arguments.Require("other")),
            "le" or "<=" => operators.Compare("<=", value, arguments.Require("other")),
            "gt" or "greaterthan" or ">" => operators.Compare(">", value, arguments.Require("other")),
            "ge" or ">=" => operators.Compare(">=", value, arguments.Require("other")),
            _ => throw new TemplateFault($"the test '{name}' is not supported."),
        };
        arguments.End();
        return passes;
    }

    private static long Whole(string name, object? value) => TemplateOperators.Whole(value)
        ?? throw new TemplateFault($"the test '{name}' takes whole numbers, not {TemplateOperators.Kind(value)}.");
}
