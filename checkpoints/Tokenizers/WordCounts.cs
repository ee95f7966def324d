using System.Runtime.InteropServices;
using System.Text;

namespace Rudder.Checkpoints;

/// <summary>Counts the words of texts, as the pre-tokenizer cuts them: merges never cross a word, so nothing else of the texts matters.</summary>
internal sealed class WordCounts
{
    // A longer run is not a word of a language but, say, a base64 block. It would only slow the merging down.
    private const int LongestWord = 256;
    private readonly Dictionary<string, long> counts = new(StringComparer.Ordinal);

    /// <summary>Adds a text's words.</summary>
    public void Add(string text)
    {
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
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

    /// <summary>Each word as UTF-8 bytes with its count, in an order that depends on the words alone.</summary>
    public IEnumerable<(byte[] Word, long Count)> InOrder() =>
        counts.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => (Encoding.UTF8.GetBytes(p.Key), p.Value));
}
