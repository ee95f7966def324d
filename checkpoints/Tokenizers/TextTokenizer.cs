using System.Buffers;
using System.Text;

namespace Rudder.Checkpoints;

/// <summary>A model's tokenizer: text to ids and back, as in the model's training. Thread-safe.</summary>
public sealed class TextTokenizer
{
    private readonly ITextEncoder _encoder;
    private readonly HuggingFaceTokenizer? _decoder;         // where the text of a token depends on its neighbours
    private readonly byte[]?[] _bytes;                       // null for special tokens
    private readonly byte[]?[] _firstBytes;                  // of a token that starts a text
    private readonly int _modelVocabulary;
    private readonly SpecialTokenFrame _frame;

    private TextTokenizer(TokenizerParts parts, TokenizerSettings settings, int? modelVocabulary)
    {
        VocabularySize = parts.Vocabulary.Values.Concat(parts.Added.Select(t => t.Id)).Max() + 1;
        _encoder = parts.Difference is null
            ? new ByteLevelBpe(parts, settings.AddPrefixSpace ?? parts.AddPrefixSpace)
            : new HuggingFaceTokenizer(parts, settings.AddPrefixSpace);
        _decoder = parts.Spelling is null ? (HuggingFaceTokenizer)_encoder : null;
        _modelVocabulary = modelVocabulary ?? int.MaxValue;
        _frame = parts.Frame;
        SpecialTokens = parts.Added.Where(t => t.Special).ToDictionary(t => t.Content, t => t.Id, StringComparer.Ordinal);
        _bytes = MakeBytes(parts, first: false);
        _firstBytes = MakeBytes(parts, first: true);
        EosId = Find(parts, settings.EndOfText) ?? Find(parts, VocabularyFiles.Gpt2EndOfText, specialOnly: true) ?? Find(parts, "</s>");
        Library = parts.Difference is null
            ? "Microsoft.ML.Tokenizers: byte-level BPE as in GPT-2"
            : $"Tokenizers.DotNet: {MessageText.Clean(parts.Difference)}";
    }

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize { get; }

    /// <summary>The token that ends a text; null if there is none.</summary>
    public int? EosId { get; }

    /// <summary>The token that the folder wants before a text; null if there is none.</summary>
    public int? BosId => _frame.Before.Length > 0 ? _frame.Before[0] : null;

    /// <summary>Special tokens, which decoding skips, and their ids.</summary>
    public IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>The library that encodes, and why it was chosen; for logs.</summary>
    public string Library { get; }

    /// <summary>Reads <c>tokenizer.json</c>, else <c>vocab.json</c> and <c>merges.txt</c>.</summary>
    /// <param name="folder">A model folder.</param>
    /// <param name="modelVocabulary">
    /// Number of ids of the model; null: no limit. A tokenizer may have more (for example, an added padding token);
    /// <see cref="Encode"/> refuses those.
    /// </param>
    /// <returns>Null if the folder has no tokenizer, which is valid: such a model reads and writes only ids.</returns>
    /// <exception cref="CheckpointException">The tokenizer is damaged or not supported.</exception>
    public static TextTokenizer? Load(string folder, int? modelVocabulary = null)
    {
        string json = Path.Combine(folder, ModelFiles.TokenizerJson);
        var settings = TokenizerSettings.Read(folder);
        var parts = File.Exists(json) ? TokenizerJson.Read(json, settings)
            : File.Exists(Path.Combine(folder, ModelFiles.Vocabulary)) ? VocabularyFiles.Read(folder)
            : null;
        return parts is null ? null : new TextTokenizer(parts, settings, modelVocabulary);
    }

    /// <summary>Copies a folder's tokenizer files to another folder, and adds missing files that other programs need.</summary>
    /// <param name="from">A model folder.</param>
    /// <param name="to">The target folder; created if missing.</param>
    /// <param name="context">The model's context, tokens; becomes <c>model_max_length</c>.</param>
    public static void CopyFiles(string from, string to, int context)
    {
        foreach (string name in ModelFiles.Tokenizer.Where(name => File.Exists(Path.Combine(from, name))))
        {
            AtomicFile.Write(Path.Combine(to, name), stream =>
            {
                using var source = File.OpenRead(Path.Combine(from, name));
                source.CopyTo(stream);
            });
        }

        if (!File.Exists(Path.Combine(to, ModelFiles.TokenizerJson)) && File.Exists(Path.Combine(to, ModelFiles.Vocabulary)))
        {
            TokenizerWriter.Convert(to, to);
        }

        if (File.Exists(Path.Combine(to, ModelFiles.TokenizerJson)))    // a model without a tokenizer stays so
        {
            TokenizerSettings.WriteContext(to, context);
        }
    }

    /// <summary>Encodes a text. Adds no special tokens, but recognises those in the text.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="specialTokens">Whether special tokens in the text become their ids. False: they are plain text.</param>
    /// <exception cref="SurplusTokenException">The text contains a token that the model lacks.</exception>
    public int[] Encode(string text, bool specialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        int[] ids = [.. _encoder.Encode(text, specialTokens)];
        int surplus = Array.FindIndex(ids, id => id >= _modelVocabulary);
        return surplus < 0 ? ids : throw new SurplusTokenException(ids[surplus], _modelVocabulary);
    }

    /// <summary>
    /// Adds the special tokens that the folder wants around a text, such as BOS, where the ids do not have them yet. The folder's
    /// post-processor says which; for the classes of Llama and Gemma it is <c>add_bos_token</c> and <c>add_eos_token</c>, as in transformers.
    /// </summary>
    /// <param name="ids">Ids of a whole text.</param>
    /// <param name="end">Whether to add those after the text. False for a prompt, which a completion follows.</param>
    public int[] WithSpecialTokens(int[] ids, bool end = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        int[] before = ids.AsSpan().StartsWith(_frame.Before) ? [] : _frame.Before;
        int[] after = !end || ids.AsSpan().EndsWith(_frame.After) ? [] : _frame.After;
        return [.. before, .. ids, .. after];
    }

    /// <summary>Decodes ids. Skips special tokens. Invalid UTF-8 becomes U+FFFD.</summary>
    /// <param name="ids">Ids of this vocabulary.</param>
    /// <param name="continues">
    /// Whether other text stands before it, as before a completion. False: a decoder that drops the first blank of a text does so.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public string Decode(IEnumerable<int> ids, bool continues = false)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (_decoder is not null)
        {
            return _decoder.Decode(ids.Select(Known));
        }

        var buffer = new ArrayBufferWriter<byte>();
        bool first = !continues;
        foreach (int id in ids)
        {
            buffer.Write(Bytes(id, first).Span);
            first &= _bytes[id] is null;
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>The UTF-8 bytes of one token, for streams: a character may span several tokens. Empty for special tokens.</summary>
    /// <param name="id">An id of this vocabulary.</param>
    /// <param name="first">Whether it starts a text. False: text stands before it, as before a completion.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public ReadOnlyMemory<byte> Bytes(int id, bool first = false) => (uint)id < (uint)_bytes.Length
        ? (first ? _firstBytes : _bytes)[id]
        : throw new ArgumentOutOfRangeException(nameof(id), id, $"Ids of this vocabulary go from 0 to {VocabularySize - 1}.");

    private int Known(int id)
    {
        Bytes(id);
        return id;
    }

    private byte[]?[] MakeBytes(TokenizerParts parts, bool first)
    {
        var bytes = new byte[]?[VocabularySize];
        foreach (var (token, id) in parts.Vocabulary)
        {
            bytes[id] = Bytes(parts, token, id, first);
        }

        foreach (var token in parts.Added)
        {
            bytes[token.Id] = token.Special ? null : parts.Difference is null ? Encoding.UTF8.GetBytes(token.Content) : Bytes(parts, token.Content, token.Id, first);
        }

        return bytes;
    }

    private byte[] Bytes(TokenizerParts parts, string token, int id, bool first) =>
        parts.Spelling?.Bytes(token, first) ?? Encoding.UTF8.GetBytes(_decoder!.Decode([id]));

    private static int? Find(TokenizerParts parts, string? token, bool specialOnly = false)
    {
        var added = parts.Added.FirstOrDefault(t => t.Content == token);
        return added?.Id ?? (!specialOnly && token is not null && parts.Vocabulary.TryGetValue(token, out int id) ? id : null);
    }
}
