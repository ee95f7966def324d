using System.Runtime.InteropServices;
using System.Text;

namespace Rudder.Checkpoints;

/// <summary>Counts the pre-tokenizer's words. Merges never cross words, so training needs nothing else of the texts.</summary>
internal sealed class WordCounts
{
    // A longer run is not a word but, for example, a base64 block. It would only slow down merging.
    private const int LongestWord = 256;
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);

    /// <summary>Adds a text's words.</summary>
    public void Add(string text)
    {
        var lookup = _counts.GetAlternateLookup<ReadOnlySpan<char>>();
        for (int at = 0; at < text.Length;)
        {
            int end = Gpt2PreTokenizer.WordEnd(text, at);
            if (end - at <= LongestWord)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(lookup, text.AsSpan(at, end - at), out _)++;
            }

            at = end;
        }
    }

    /// <summary>Each word as UTF-8 bytes with its count. The order depends only on the words.</summary>
    public IEnumerable<(byte[] Word, long Count)> InOrder() =>
        _counts.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => (Encoding.UTF8.GetBytes(p.Key), p.Value));
}
