using System.Text;

namespace Rudder.Checkpoints;

/// <summary>
/// A text whose characters know whether they come from the messages or from the template. Every operation of a template keeps the marks,
/// so that the special tokens that a user writes can be told from those of the template after rendering.
/// </summary>
internal sealed class MarkedText
{
    private const int MostVisited = 1 << 20;

    private readonly bool[]? _input;                         // null: all characters have the same origin
    private readonly bool _allInput;

    private MarkedText(string value, bool[]? input, bool allInput) => (Value, _input, _allInput) = (value, input, allInput);

    /// <summary>A text of the template.</summary>
    public static MarkedText Template(string value) => new(value, null, allInput: false);

    /// <summary>A text from the messages.</summary>
    public static MarkedText Input(string value) => new(value, null, allInput: true);

    /// <summary>A text of one origin.</summary>
    public static MarkedText Of(string value, bool isInput) => new(value, null, isInput);

    public string Value { get; }

    /// <summary>Whether any character comes from the messages.</summary>
    public bool HasInput => Value.Length > 0 && (_allInput || (_input is not null && Array.IndexOf(_input, true) >= 0));

    /// <summary>Length in Unicode code points, as Python counts.</summary>
    public int Characters => HasSurrogates ? Value.EnumerateRunes().Count() : Value.Length;

    private bool HasSurrogates => Value.Any(char.IsSurrogate);

    public bool IsInput(int index) => _input is null ? _allInput : _input[index];

    /// <summary>A part, in UTF-16 units.</summary>
    public MarkedText Slice(int start, int length) => new(Value.Substring(start, length), _input?[start..(start + length)], _allInput);

    /// <summary>A part, in code points.</summary>
    public MarkedText Part(int start, int end)
    {
        if (!HasSurrogates)
        {
            return Slice(start, Math.Max(0, end - start));
        }

        int from = Unit(start);
        return Slice(from, Math.Max(0, Unit(end) - from));
    }

    /// <summary>One text per code point.</summary>
    public List<MarkedText> Split()
    {
        if (Value.Length > MostVisited)
        {
            throw new TemplateFault($"a text of {Value.Length} characters cannot be read one by one; the limit is {MostVisited}.");
        }

        var parts = new List<MarkedText>(Value.Length);
        for (int i = 0; i < Value.Length;)
        {
            int length = i + 1 < Value.Length && char.IsSurrogatePair(Value[i], Value[i + 1]) ? 2 : 1;
            parts.Add(Slice(i, length));
            i += length;
        }

        return parts;
    }

    /// <summary>The same marks on a text of the same length; one mark for all where the length changed.</summary>
    public MarkedText With(string value) => value.Length == Value.Length ? new(value, _input, _allInput) : Of(value, HasInput);

    /// <summary>Without characters at the ends.</summary>
    /// <param name="characters">What to remove; null: white space.</param>
    /// <param name="start">Whether to remove at the start.</param>
    /// <param name="end">Whether to remove at the end.</param>
    public MarkedText Strip(string? characters, bool start, bool end)
    {
        int from = 0, to = Value.Length;
        bool Goes(char letter) => characters is null ? char.IsWhiteSpace(letter) : characters.Contains(letter, StringComparison.Ordinal);
        while (start && from < to && Goes(Value[from]))
        {
            from++;
        }

        while (end && to > from && Goes(Value[to - 1]))
        {
            to--;
        }

        return Slice(from, to - from);
    }

    /// <summary>The characters that come from the template.</summary>
    public string WithoutInput() => new([.. Value.Where((_, index) => !IsInput(index))]);

    public override string ToString() => Value;

    public override bool Equals(object? obj) => obj is MarkedText other && other.Value == Value;

    public override int GetHashCode() => Value.GetHashCode(StringComparison.Ordinal);

    private int Unit(int character) => Value.EnumerateRunes().Take(character).Sum(rune => rune.Utf16SequenceLength);

    /// <summary>Joins texts. The budget is charged before memory is taken.</summary>
    internal sealed class Builder(RenderBudget budget)
    {
        private readonly StringBuilder _text = new();
        private readonly List<bool> _input = [];

        public int Length => _text.Length;

        public void Add(string text, bool isInput = false) => Add(Of(text, isInput));

        public void Add(MarkedText text)
        {
            budget.Work(text.Value.Length);
            _text.Append(text.Value);
            for (int i = 0; i < text.Value.Length; i++)
            {
                _input.Add(text.IsInput(i));
            }
        }

        public MarkedText ToText() => new(_text.ToString(), [.. _input], allInput: false);
    }
}
