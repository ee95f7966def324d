using System.Text;
using System.Text.Unicode;

namespace Rudder.Engine.Registry;

/// <summary>Turns ids into text one by one; the pieces together are the text of all ids at once.</summary>
/// <remarks>A character may be spread over several tokens: its bytes are held back until the last of them has come.</remarks>
internal sealed class TokenText(LoadedModel model)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Characters (Unicode code points) given out so far.</summary>
    public int Characters { get; private set; }

    /// <summary>The characters that an id completes; empty where it completes none.</summary>
    public string Append(int id) => Take(Bytes(model, id).Span, flush: false);

    /// <summary>What bytes without an end stand for: a replacement mark, or nothing where all characters were complete.</summary>
    public string Flush() => Take([], flush: true);

    /// <summary>An id as a log-probs list shows it: its text, its bytes where these are no whole characters, or its number where it stands for no text.</summary>
    public static string Show(LoadedModel model, int id)
    {
        var bytes = Bytes(model, id).Span;
        if (bytes.IsEmpty)
        {
            return SpecialName(model, id) ?? $"token_id:{id}";
        }

        if (Utf8.IsValid(bytes))
        {
            return Encoding.UTF8.GetString(bytes);
        }

        var shown = new StringBuilder("bytes:");
        foreach (byte value in bytes)
        {
            shown.Append("\\x").Append(value.ToString("x2", null));
        }

        return shown.ToString();
    }

    // Ids of a vocabulary padded beyond the tokenizer's stand for no text.
    private static ReadOnlyMemory<byte> Bytes(LoadedModel model, int id) =>
        model.Tokenizer is { } tokenizer && id < tokenizer.VocabularySize ? tokenizer.Bytes(id) : default;

    private static string? SpecialName(LoadedModel model, int id)
    {
        foreach (var (name, special) in model.Tokenizer?.SpecialTokens ?? new Dictionary<string, int>())
        {
            if (special == id)
            {
                return name;
            }
        }

        return null;
    }

    private string Take(ReadOnlySpan<byte> bytes, bool flush)
    {
        char[] letters = new char[_decoder.GetCharCount(bytes, flush)];
        int count = _decoder.GetChars(bytes, letters, flush);
        for (int i = 0; i < count; i++)
        {
            Characters += char.IsLowSurrogate(letters[i]) ? 0 : 1;
        }

        return new string(letters, 0, count);
    }
}
