using System.Globalization;
using System.Text;

namespace Rudder.Checkpoints;

/// <summary>The functions that every template can call.</summary>
internal sealed class TemplateFunctions(RenderBudget budget, PythonText text, TimeProvider time)
{
    private static readonly string[] Names = ["range", "namespace", "dict", "raise_exception", "strftime_now"];

    /// <summary>The function of a name; null if there is none.</summary>
    public static FunctionValue? Find(string name) => Names.Contains(name) ? new FunctionValue(name) : null;

    /// <summary>Calls a function.</summary>
    /// <exception cref="TemplateRefusal">The template calls <c>raise_exception</c>.</exception>
    public object Call(FunctionValue function, CallArguments arguments)
    {
        switch (function.Name)
        {
            case "range":
                return Range(arguments);
            case "namespace":
                var names = new NamespaceValue();
                Fill(arguments, (name, value) => names.Members[name] = value);
                return names;
            case "dict":
                var dict = new DictValue(isInput: false);
                Fill(arguments, (name, value) => dict.Items[name] = value);
                return dict;
            case "strftime_now":
                return MarkedText.Template(Format(arguments.RequireText("format").Value, time.GetLocalNow()));
            default:
                throw new TemplateRefusal(text.Show(arguments.Require("message")));
        }
    }

    private static void Fill(CallArguments arguments, Action<string, object?> set)
    {
        if (arguments.HasMore && arguments.Take("values") is DictValue start)
        {
            foreach (var (name, value) in start.Items)
            {
                set(name, value);
            }
        }

        foreach (var (name, value) in arguments.Named)
        {
            arguments.Take(name);
            set(name, value);
        }

        arguments.End();
    }

    private ListValue Range(CallArguments arguments)
    {
        long first = arguments.Whole("start") ?? throw new TemplateFault("range needs a whole number.");
        long? second = arguments.Whole("stop");
        long step = arguments.Whole("step") ?? 1;
        arguments.End();
        var (from, to) = second is { } stop ? (first, stop) : (0, first);
        var numbers = new List<object?>();
        if (step == 0)
        {
            throw new TemplateFault("the step of range is 0.");
        }

        budget.List(Int128.Max(0, ((Int128)to - from) / step));
        for (Int128 at = from; step > 0 ? at < to : at > to; at += step)
        {
            numbers.Add((long)at);
        }

        return new ListValue(numbers);
    }

    // Python's strftime in the C locale.
    private static string Format(string format, DateTimeOffset now)
    {
        var written = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                written.Append(format[i]);
                continue;
            }

            bool unpadded = i + 1 < format.Length && format[i + 1] == '-';
            i += unpadded ? 2 : 1;
            char directive = i < format.Length ? format[i] : ' ';
            string part = Part(directive, now);
            written.Append(unpadded && part.Length > 1 ? part.TrimStart('0') is { Length: > 0 } bare ? bare : "0" : part);
        }

        return written.ToString();
    }

    private static string Part(char directive, DateTimeOffset now)
    {
        string? format = directive switch
        {
            'Y' => "yyyy", 'y' => "yy", 'm' => "MM", 'd' => "dd", 'H' => "HH", 'I' => "hh", 'M' => "mm", 'S' => "ss", 'f' => "ffffff",
            'B' => "MMMM", 'b' => "MMM", 'A' => "dddd", 'a' => "ddd", 'p' => "tt", 'F' => "yyyy-MM-dd", 'T' => "HH:mm:ss",
            _ => null,
        };
        return format is not null ? now.ToString(format, CultureInfo.InvariantCulture) : directive switch
        {
            'j' => now.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
            'e' => now.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            '%' => "%",
            _ => throw new TemplateFault($"strftime_now does not support %{directive}."),
        };
    }
}
