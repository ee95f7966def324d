using System.Buffers;
using System.Collections.Concurrent;
using System.Text;

namespace Microsoft.ML.Tokenizers;

/// <summary>Byte-level byte-pair encoding, safe for use by many threads at once.</summary>
public sealed class BpeTokenizer : Tokenizer
{
    private const int LongestCachedWord = 48;
    private const int CacheCapacity = 1 << 16;
    private readonly Dictionary<string, int> vocabulary;
    private readonly Dictionary<int, string> tokens;
    private readonly int[] byteIds = new int[256];
    private readonly BytePairMerger merger;
    private readonly PreTokenizer splitter;
    private readonly ConcurrentDictionary<string, int[]> cache = new(StringComparer.Ordinal);
    private int cached;

    private BpeTokenizer(BpeOptions options)
    {
        vocabulary = new Dictionary<string, int>(options.Vocabulary, StringComparer.Ordinal);
        if (vocabulary.Count == 0)
        {
            throw new InvalidOperationException("The vocabulary is empty.");
        }

        if (!options.ByteLevel)
        {
            throw new NotSupportedException("This stand-in has byte-level encoding only: set ByteLevel.");
        }

        splitter = options.PreTokenizer ?? throw new NotSupportedException("This stand-in has no default pre-tokenizer: set PreTokenizer.");
        tokens = vocabulary.ToDictionary(p => p.Value, p => p.Key);
        for (int b = 0; b < 256; b++)
        {
            byteIds[b] = vocabulary.GetValueOrDefault(ByteAlphabet.Spell((byte)b).ToString(), -1);
        }

        merger = new BytePairMerger(Ranks(options.Merges ?? []));
    }

    /// <summary>The splitter in use.</summary>
    public override PreTokenizer? PreTokenizer => splitter;

    /// <summary>Token text to id.</summary>
    public IReadOnlyDictionary<string, int> Vocabulary => vocabulary;

    /// <summary>True: tokens spell bytes.</summary>
    public bool ByteLevel => true;

    /// <summary>Makes a tokenizer.</summary>
    public static BpeTokenizer Create(BpeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new BpeTokenizer(options);
    }

    /// <summary>The text of ids; bytes that are not UTF-8 become U+FFFD.</summary>
    public override string? Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var bytes = new ArrayBufferWriter<byte>();
        foreach (int id in ids)
        {
            foreach (char c in tokens.GetValueOrDefault(id, ""))
            {
                if (ByteAlphabet.TryRead(c, out byte value))
                {
                    bytes.GetSpan(1)[0] = value;
                    bytes.Advance(1);
                }
            }
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private protected override void EncodeIds(string text, bool split, List<int> ids)
    {
        if (!split)
        {
            ids.AddRange(Word(text));
            return;
        }

        foreach (var (offset, length) in splitter.PreTokenize(text))
        {
            ids.AddRange(Word(text.AsSpan(offset, length)));
        }
    }

    private protected override List<EncodedToken> EncodeTokens(string text, bool split)
    {
        var result = new List<EncodedToken>();
        foreach (var (offset, length) in split ? splitter.PreTokenize(text) : [(0, text.Length)])
        {
            int bytes = 0;
            foreach (int id in Word(text.AsSpan(offset, length)))
            {
                string value = tokens[id];
                var range = CharsOf(text.AsSpan(offset, length), bytes, bytes + value.Length);
                result.Add(new EncodedToken(id, value, (offset + range.Start)..(offset + range.End)));
                bytes += value.Length; // one character of a byte-level token is one byte
            }
        }

        return result;
    }

    private static (int Start, int End) CharsOf(ReadOnlySpan<char> word, int firstByte, int endByte)
    {
        int bytes = 0, start = -1, chars = 0;
        foreach (Rune rune in word.EnumerateRunes())
        {
            if (start < 0 && bytes + rune.Utf8SequenceLength > firstByte)
            {
                start = chars;
            }

            if (bytes >= endByte)
            {
                break;
            }

            bytes += rune.Utf8SequenceLength;
            chars += rune.Utf16SequenceLength;
        }

        return (Math.Max(start, 0), chars);
    }

    private ReadOnlySpan<int> Word(ReadOnlySpan<char> word)
    {
        if (word.Length > LongestCachedWord)
        {
            return Merge(word);
        }

        var lookup = cache.GetAlternateLookup<ReadOnlySpan<char>>();
        if (lookup.TryGetValue(word, out int[]? ids))
        {
            return ids;
        }

        ids = Merge(word);
        if (Volatile.Read(ref cached) < CacheCapacity && lookup.TryAdd(word, ids))
        {
            Interlocked.Increment(ref cached);
        }

        return ids;
    }

    private int[] Merge(ReadOnlySpan<char> word)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(word.Length));
        int count = Encoding.UTF8.GetBytes(word, rented);
        var symbols = new int[count];
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            int id = byteIds[rented[i]];
            if (id >= 0)
            {
                symbols[kept++] = id; // a byte without a token is dropped, as Hugging Face does without an unknown token
            }
        }

        ArrayPool<byte>.Shared.Return(rented);
        kept = merger.Merge(symbols.AsSpan(0, kept));
        return kept == symbols.Length ? symbols : symbols[..kept];
    }

    private Dictionary<long, (int Rank, int Id)> Ranks(IEnumerable<string> lines)
    {
        var ranks = new Dictionary<long, (int, int)>();
        int rank = 0;
        foreach (string line in lines)
        {
            int space = line.IndexOf(' ', StringComparison.Ordinal);
            if (space <= 0 || space == line.Length - 1 || line.IndexOf(' ', space + 1) >= 0)
            {
                throw new InvalidOperationException($"Merge {rank} is '{line}', not two tokens and a space between them.");
            }

            string left = line[..space], right = line[(space + 1)..];
            ranks[((long)Id(left, rank) << 32) | (uint)Id(right, rank)] = (rank, Id(left + right, rank));
            rank++;
        }

        return ranks;
    }

    private int Id(string token, int rank) =>
        vocabulary.TryGetValue(token, out int id)
            ? id
            : throw new InvalidOperationException($"Merge {rank} uses '{token}', which the vocabulary lacks.");
}
