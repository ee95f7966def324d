using System.Text;
using System.Text.Unicode;
using Rudder.Engine.Registry;

namespace Rudder.Engine;

/// <summary>Turns ids into text one by one; the pieces together are the text of all ids at once.</summary>
/// <remarks>A character may be spread over several tokens: its bytes are held back until the last of them has come.</remarks>
/// <param name="model">The model of the ids; without a tokenizer every text is empty.</param>
public sealed class TokenText(ModelLease model)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Characters (Unicode code points) given out so far.</summary>
    public int Characters { get; private set; }

    /// <summary>The characters that an id completes; empty where it completes none.</summary>
    public string Append(int id) => Take(Bytes(model.Model, id).Span, flush: false);

    /// <summary>What bytes without an end stand for: a replacement mark, or nothing where all characters were complete.</summary>
    public string Flush() => Take([], flush: true);

    /// <summary>An id as a log-probs list shows it: its text, its bytes where these are no whole characters, or its number where it stands for no text.</summary>
    public static string Show(ModelLease model, int id)
    {
        ArgumentNullException.ThrowIfNull(model);
        var bytes = Bytes(model.Model, id).Span;
        if (bytes.IsEmpty)
        {
            return SpecialName(model.Model, id) ?? $"token_id:{id}";
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

/// <summary>The text of a streamed request, token by token.</summary>
/// <param name="model">The model that draws the tokens.</param>
public sealed class StreamedTexts(ModelLease model)
{
    private readonly Dictionary<(int Prompt, int Sample), TokenText> _texts = [];

    /// <summary>The characters that a drawn token completes in its completion; empty where it completes none.</summary>
    /// <param name="step">An event with a token.</param>
    public string Append(GenerationStep step)
    {
        var token = step.Token!.Value;
        if (!_texts.TryGetValue((step.Prompt, token.SampleIndex), out var text))
        {
            _texts.Add((step.Prompt, token.SampleIndex), text = new TokenText(model));
        }

        return text.Append(token.Id);
    }
}
