using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Rudder.Checkpoints;

/// <summary>A model's tokenizer: text to ids and back, as in the model's training. Thread-safe.</summary>
public sealed class TextTokenizer
{
    private readonly BpeTokenizer _bpe;
    private readonly AddedTokenSplitter _splitter;
    private readonly bool _addPrefixSpace;
    private readonly byte[]?[] _bytes;
    private readonly int _modelVocabulary;

    private TextTokenizer(TokenizerParts parts, TokenizerSettings settings, int? modelVocabulary)
    {
        _bpe = MakeBpe(parts);
        _splitter = new AddedTokenSplitter(parts.Added);
        _addPrefixSpace = settings.AddPrefixSpace ?? parts.AddPrefixSpace;
        _modelVocabulary = modelVocabulary ?? int.MaxValue;
        SpecialTokens = parts.Added.Where(t => t.Special).ToDictionary(t => t.Content, t => t.Id, StringComparer.Ordinal);
        VocabularySize = parts.Vocabulary.Values.Concat(parts.Added.Select(t => t.Id)).Max() + 1;
        _bytes = MakeBytes(parts, VocabularySize);
        EosId = Find(parts, settings.EndOfText) ?? Find(parts, VocabularyFiles.Gpt2EndOfText, specialOnly: true) ?? Find(parts, "</s>");
    }

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize { get; }

    /// <summary>The token that ends a text; null if there is none.</summary>
    public int? EosId { get; }

    /// <summary>Special tokens, which decoding skips, and their ids.</summary>
    public IReadOnlyDictionary<string, int> SpecialTokens { get; }

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
        var parts = File.Exists(json) ? TokenizerJson.Read(json)
            : File.Exists(Path.Combine(folder, ModelFiles.Vocabulary)) ? VocabularyFiles.Read(folder)
            : null;
        return parts is null ? null : new TextTokenizer(parts, TokenizerSettings.Read(folder), modelVocabulary);
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
    /// <exception cref="SurplusTokenException">The text contains a token that the model lacks.</exception>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>((text.Length / 3) + 4);
        _splitter.Split(
            text,
            part => ids.AddRange(_bpe.EncodeToIds(_addPrefixSpace && part[0] != ' ' ? " " + part : part)),
            ids.Add);
        int surplus = ids.FindIndex(id => id >= _modelVocabulary);
        return surplus < 0 ? [.. ids] : throw new SurplusTokenException(ids[surplus], _modelVocabulary);
    }

    /// <summary>Decodes ids. Skips special tokens. Invalid UTF-8 becomes U+FFFD.</summary>
    /// <param name="ids">Ids of this vocabulary.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var buffer = new ArrayBufferWriter<byte>();
        foreach (int id in ids)
        {
            buffer.Write(Bytes(id).Span);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>The UTF-8 bytes of one token, for streams: a character may span several tokens. Empty for special tokens.</summary>
    /// <param name="id">An id of this vocabulary.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public ReadOnlyMemory<byte> Bytes(int id) => (uint)id < (uint)_bytes.Length
        ? _bytes[id]
        : throw new ArgumentOutOfRangeException(nameof(id), id, $"Ids of this vocabulary go from 0 to {VocabularySize - 1}.");

    private static BpeTokenizer MakeBpe(TokenizerParts parts)
    {
        try
        {
            return BpeTokenizer.Create(new BpeOptions(parts.Vocabulary)
            {
                Merges = parts.Merges,
                ByteLevel = true,
                PreTokenizer = Gpt2PreTokenizer.Instance,
            });
        }
        catch (InvalidOperationException e)
        {
            throw new CheckpointException($"{parts.File}: merges and vocabulary do not belong together ({e.Message}). Fetch both again.", e);
        }
    }

    private static byte[]?[] MakeBytes(TokenizerParts parts, int size)
    {
        var bytes = new byte[]?[size];
        foreach (var (token, id) in parts.Vocabulary)
        {
            bytes[id] = ByteAlphabet.TryRead(token) ?? Encoding.UTF8.GetBytes(token);
        }

        foreach (var token in parts.Added)
        {
            bytes[token.Id] = token.Special ? [] : Encoding.UTF8.GetBytes(token.Content);
        }

        return bytes;
    }

    private static int? Find(TokenizerParts parts, string? token, bool specialOnly = false)
    {
        var added = parts.Added.FirstOrDefault(t => t.Content == token);
        return added?.Id ?? (!specialOnly && token is not null && parts.Vocabulary.TryGetValue(token, out int id) ? id : null);
    }
}
