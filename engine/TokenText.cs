using System.Text;
using System.Text.Unicode;
using Rudder.Checkpoints;
using Rudder.Engine.Registry;

namespace Rudder.Engine;

/// <summary>Converts ids to text one by one. The pieces together equal the text of all ids.</summary>
/// <remarks>A character may span several tokens. Its bytes are held back until the last of them arrives.</remarks>
/// <param name="model">The model of the ids; without a tokenizer every text is empty.</param>
/// <param name="continues">Whether the text follows another, as a completion follows its prompt; see <see cref="TextTokenizer.Decode"/>.</param>
public sealed class TokenText(ModelLease model, bool continues = true)
{
    private bool _first = !continues;
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Characters (Unicode code points) returned so far.</summary>
    public int Characters { get; private set; }

    /// <summary>The characters that an id completes; empty if it completes none.</summary>
    public string Append(int id)
    {
        var bytes = Bytes(model.Model, id, _first);
        _first &= Bytes(model.Model, id).IsEmpty;
        return Take(bytes.Span, flush: false);
    }

    /// <summary>A replacement character for bytes that never became a character; empty if there are none.</summary>
    public string Flush() => Take([], flush: true);

    /// <summary>The UTF-8 bytes of an id; empty if it has no text.</summary>
    public static ReadOnlyMemory<byte> Bytes(ModelLease model, int id)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Bytes(model.Model, id);
    }

    /// <summary>
    /// An id as a list of log-probs shows it: its text, its bytes if they are not whole characters, or its number if it has no text.
    /// </summary>
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

    // A model's vocabulary may be padded; ids beyond the tokenizer's have no text.
    private static ReadOnlyMemory<byte> Bytes(LoadedModel model, int id, bool first = false) =>
        model.Tokenizer is { } tokenizer && id < tokenizer.VocabularySize ? tokenizer.Bytes(id, first) : default;

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
