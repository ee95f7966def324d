namespace Rudder.Checkpoints;

/// <summary>Members, items and slices of values.</summary>
internal static class TemplateMembers
{
    private static readonly string[] DictMethods = ["get", "items", "keys", "values"];
    private static readonly string[] ListMethods = ["count", "index"];

    /// <summary><c>value.name</c>: a method, else a key.</summary>
    public static object? Member(object? target, string name) => target switch
    {
        DictValue when DictMethods.Contains(name) => new MethodValue(target, name),
        DictValue dict => dict.Items.TryGetValue(name, out object? value) ? value : new UndefinedValue(name),
        NamespaceValue names => names.Members.TryGetValue(name, out object? value) ? value : new UndefinedValue(name),
        LoopValue loop => name is "cycle" or "changed" ? new MethodValue(loop, name) : loop.Member(name),
        MarkedText when TextMethods.Names.Contains(name) => new MethodValue(target, name),
        ListValue when ListMethods.Contains(name) => new MethodValue(target, name),
        UndefinedValue unknown => throw new TemplateFault($"'{unknown.Name}' is undefined, so it has no member '{name}'."),
        _ => new UndefinedValue(name),
    };

    /// <summary><c>value[index]</c>: a key or a place, else a member.</summary>
    public static object? Item(object? target, object? index)
    {
        switch (target, index)
        {
            case (DictValue dict, MarkedText key):
                return dict.Items.TryGetValue(key.Value, out object? value) ? value
                    : Member(dict, key.Value) is MethodValue method ? method
                    : new UndefinedValue(key.WithoutInput());
            case (UndefinedValue unknown, _):
                throw new TemplateFault($"'{unknown.Name}' is undefined, so it has no items.");
            case (_, MarkedText name):
                return Member(target, name.WithoutInput());
            case (ListValue or MarkedText, _) when TemplateOperators.Whole(index) is { } place:
                int count = Count(target);
                long at = place < 0 ? place + count : place;
                return at < 0 || at >= count ? new UndefinedValue($"[{place}]")
                    : target is MarkedText text ? text.Part((int)at, (int)at + 1)
                    : ((ListValue)target).Items[(int)at];
            default:
                return new UndefinedValue("an item");
        }
    }

    /// <summary><c>value[start:stop:step]</c>.</summary>
    public static object Slice(object? target, long? start, long? stop, long? step)
    {
        long stride = step ?? 1;
        if (stride == 0 || target is not (ListValue or MarkedText))
        {
            throw new TemplateFault(stride == 0 ? "the step of a slice is 0." : $"{TemplateOperators.Kind(target)} has no slices.");
        }

        int count = Count(target);
        long Limit(long? place, long fallback) => place is not { } at ? fallback
            : Math.Clamp(at < 0 ? Math.Max(at, -count - 1L) + count : at, stride < 0 ? -1 : 0, stride < 0 ? count - 1 : count);
        long from = Limit(start, stride < 0 ? count - 1 : 0);
        long to = Limit(stop, stride < 0 ? -1 : count);
        if (target is MarkedText text)
        {
            return stride == 1 ? text.Part((int)from, (int)to) : throw new TemplateFault("a slice of a text takes only the step 1.");
        }

        var items = ((ListValue)target).Items;
        var chosen = new List<object?>();
        for (long at = from; stride > 0 ? at < to : at > to; at += Math.Clamp(stride, -int.MaxValue, int.MaxValue))
        {
            chosen.Add(items[(int)at]);
        }

        return new ListValue(chosen);
    }

    /// <summary>Calls a method of a dict, list or loop.</summary>
    public static object? Call(MethodValue method, CallArguments arguments, TemplateOperators operators)
    {
        object? result = (method.Target, method.Name) switch
        {
            (DictValue dict, "get") => Get(dict),
            (DictValue dict, "items") => Pairs(dict),
            (DictValue dict, "keys") => new ListValue(TemplateOperators.Items(dict)),
            (DictValue dict, _) => new ListValue([.. dict.Items.Values]),
            (ListValue list, "count") => (long)Count(list, arguments.Require("value")),
            (ListValue list, _) => (long)Find(list, arguments.Require("value")),
            (LoopValue loop, "cycle") => Cycle(loop),
            (LoopValue loop, _) => Changed(loop, arguments.Require("value")),
            _ => throw new TemplateFault($"{TemplateOperators.Kind(method.Target)} has no method '{method.Name}'."),
        };
        arguments.End();
        return result;

        object? Get(DictValue dict)
        {
            string key = arguments.RequireText("key").Value;
            object? fallback = arguments.Take("default");
            return dict.Items.GetValueOrDefault(key, fallback);
        }

        int Count(ListValue list, object? wanted) => list.Items.Count(item => operators.AreEqual(item, wanted));

        int Find(ListValue list, object? wanted) => list.Items.FindIndex(item => operators.AreEqual(item, wanted)) is var place and >= 0
            ? place
            : throw new TemplateFault("index: the list does not have this item.");

        object? Cycle(LoopValue loop)
        {
            var choices = new List<object?>();
            while (arguments.HasMore)
            {
                choices.Add(arguments.Take("value"));
            }

            return choices.Count > 0 ? choices[loop.Index % choices.Count] : throw new TemplateFault("loop.cycle needs arguments.");
        }

        bool Changed(LoopValue loop, object? value)
        {
            bool changed = loop.LastChanged is not { } last || !operators.AreEqual(last, value);
            loop.LastChanged = value;
            return changed;
        }
    }

    private static int Count(object? target) => target is MarkedText text ? text.Characters : ((ListValue)target!).Items.Count;

    /// <summary>Keys and values of a dict as lists of two.</summary>
    public static ListValue Pairs(DictValue dict) => new([.. dict.Items.Select(item => new ListValue([dict.Key(item.Key), item.Value]))]);
}
