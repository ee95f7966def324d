using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.Tokenizers;

namespace Rudder.Checkpoints;

/// <summary>A model's tokenizer: text to ids and back, as the model was trained. Safe for several threads.</summary>
public sealed class TextTokenizer
{
    private readonly BpeTokenizer bpe;
    private readonly AddedTokenSplitter splitter;
    private readonly bool addPrefixSpace;
    private readonly byte[]?[] bytes;

    private TextTokenizer(TokenizerParts parts, string? endOfText)
    {
        bpe = MakeBpe(parts);
        splitter = new AddedTokenSplitter(parts.Added);
        addPrefixSpace = parts.AddPrefixSpace;
        SpecialTokens = parts.Added.Where(t => t.Special).ToDictionary(t => t.Content, t => t.Id, StringComparer.Ordinal);
        VocabularySize = parts.Vocabulary.Values.Concat(parts.Added.Select(t => t.Id)).Max() + 1;
        bytes = MakeBytes(parts, VocabularySize);
        EosId = Find(parts, endOfText) ?? Find(parts, VocabularyFiles.Gpt2EndOfText, specialOnly: true) ?? Find(parts, "</s>");
    }

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize { get; }

    /// <summary>The token that ends a text, where there is one.</summary>
    public int? EosId { get; }

    /// <summary>Tokens with a meaning of their own, which decoding leaves out, and their ids.</summary>
    public IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>Reads <c>tokenizer.json</c>, else <c>vocab.json</c> and <c>merges.txt</c>.</summary>
    /// <param name="folder">A model folder.</param>
    /// <returns>Null where the folder has no tokenizer, which is legal: such a model takes and gives ids only.</returns>
    /// <exception cref="CheckpointException">A damaged tokenizer, or one of a kind that is not supported.</exception>
    public static TextTokenizer? Load(string folder)
    {
        if (File.Exists(Path.Combine(folder, ModelFiles.TokenizerJson)))
        {
            return new TextTokenizer(TokenizerJson.Read(Path.Combine(folder, ModelFiles.TokenizerJson)), EndOfText(folder));
        }

        return File.Exists(Path.Combine(folder, ModelFiles.Vocabulary)) ? new TextTokenizer(VocabularyFiles.Read(folder), EndOfText(folder)) : null;
    }

    /// <summary>Copies a folder's tokenizer files, whichever it has, into another folder.</summary>
    /// <param name="from">A model folder.</param>
    /// <param name="to">The folder that gets them; made where it is missing.</param>
    public static void CopyFiles(string from, string to)
    {
        foreach (string name in ModelFiles.Tokenizer.Where(name => File.Exists(Path.Combine(from, name))))
        {
            AtomicFile.Write(Path.Combine(to, name), stream =>
            {
                using var source = File.OpenRead(Path.Combine(from, name));
                source.CopyTo(stream);
            });
        }
    }

    /// <summary>The ids of a text. Nothing is put around it; special tokens written out in the text are recognised.</summary>
    /// <param name="text">Any text.</param>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>((text.Length / 3) + 4);
        splitter.Split(
            text,
            part => ids.AddRange(bpe.EncodeToIds(addPrefixSpace && !char.IsWhiteSpace(part[0]) ? " " + part : part)),
            ids.Add);
        return [.. ids];
    }

    /// <summary>The text of ids. Special tokens are skipped; bytes that form no character become U+FFFD.</summary>
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

    /// <summary>The UTF-8 bytes of one token, for decoding a stream: a character may be spread over several tokens. Empty for special tokens.</summary>
    /// <param name="id">An id of this vocabulary.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public ReadOnlyMemory<byte> Bytes(int id) => (uint)id < (uint)bytes.Length
        ? bytes[id]
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

    /// <summary>The eos token that tokenizer_config.json or special_tokens_map.json names, as a string or as an object with content.</summary>
    private static string? EndOfText(string folder)
    {
        foreach (string name in new[] { ModelFiles.TokenizerConfig, ModelFiles.SpecialTokensMap })
        {
            string file = Path.Combine(folder, name);
            if (!File.Exists(file))
            {
                continue;
            }

            var token = ConfigJson.Read(file).Json["eos_token"];
            if ((token is JsonObject detailed ? detailed["content"] : token) is JsonValue value && value.TryGetValue(out string? text))
            {
                return text;
            }
        }

        return null;
    }
}
