using System.Buffers;

namespace Rudder.Checkpoints;

/// <summary>A rendered conversation. It knows which characters come from the messages.</summary>
public sealed class ChatText
{
    private readonly MarkedText _text;
    private readonly string? _unknown;

    internal ChatText(MarkedText text, string? unknown) => (_text, _unknown) = (text, unknown);

    /// <summary>The text, as Hugging Face's <c>apply_chat_template(tokenize=False)</c> gives it.</summary>
    public string Text => _text.Value;

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>
    /// The ids of the text. A special token is recognized only where all its characters come from the template; one that a message
    /// contains is read as ordinary text. Without such text the ids are those of <see cref="TextTokenizer.Encode"/>. None are added.
    /// </summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <exception cref="SurplusTokenException">The text contains a token that the model lacks.</exception>
    /// <exception cref="CheckpointException">The tokenizer changes text of a message into a special token.</exception>
    public int[] Encode(TextTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var special = tokenizer.SpecialTokens
            .Where(token => token.Key.Length > 0 && token.Key != _unknown)
            .ToDictionary(StringComparer.Ordinal);
        var starts = special.Keys.ToLookup(token => token[0]);
        var firsts = SearchValues.Create([.. starts.Select(start => start.Key)]);
        var ids = new List<int>();
        int from = 0, controls = 0;
        for (int at = 0; Text.AsSpan(at).IndexOfAny(firsts) is var step and >= 0;)
        {
            at += step;
            var found = starts[Text[at]].Where(token => string.CompareOrdinal(Text, at, token, 0, token.Length) == 0).ToList();
            int control = found.Where(token => !HasInput(at, token.Length)).Select(token => token.Length).DefaultIfEmpty(0).Max();
            controls += control > 0 ? 1 : 0;
            bool cuts = found.Exists(token => token.Length > control);
            at += Math.Max(control, 1);
            if (cuts)
            {
                // A token that needs characters of a message is cut in two: neither part holds it.
                ids.AddRange(tokenizer.Encode(Text[from..at]));
                from = at;
            }
        }

        ids.AddRange(tokenizer.Encode(Text[from..]));
        var known = special.Values.ToHashSet();
        return ids.Count(known.Contains) == controls
            ? [.. ids]
            : throw new CheckpointException($"The tokenizer changes text of the messages into a special token. Leave that text out.");
    }

    private bool HasInput(int start, int length) => Enumerable.Range(start, length).Any(_text.IsInput);
}
