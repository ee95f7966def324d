using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Rudder.Datasets;

/// <summary>How a text becomes a prompt of its first tokens. Every program cuts the same text to the same length.</summary>
/// <example><code>
/// int tokens = PromptCut.Length(review.Id, 2, 8);
/// int[] prompt = encode(PromptCut.Opening(review.Text, 8))[..tokens];
/// </code></example>
public static class PromptCut
{
    private const int CharactersPerToken = 32;

    /// <summary>
    /// A length from min to max that depends on the id alone: SHA-256("length:" + id). The same text gets the same length on every
    /// machine, in every batch and for every seed.
    /// </summary>
    /// <param name="id">Stable id of the text.</param>
    /// <param name="min">Fewest tokens, at least 1.</param>
    /// <param name="max">Most tokens, at least <paramref name="min"/>.</param>
    public static int Length(string id, int min, int max)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"length:{id}"));
        return min + (int)(BinaryPrimitives.ReadUInt32LittleEndian(hash) % (uint)(max - min + 1));
    }

    /// <summary>
    /// The start of a text, long enough for <paramref name="tokens"/> tokens, cut at white space so that its tokens equal those of the whole
    /// text. Encoding it is much cheaper than encoding a whole review.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="tokens">Tokens wanted, at least 1.</param>
    public static string Opening(string text, int tokens)
    {
        ArgumentNullException.ThrowIfNull(text);
        int limit = tokens * CharactersPerToken;
        if (text.Length <= limit)
        {
            return text;
        }

        int space = text.LastIndexOf(' ', limit);
        return space > 0 ? text[..space] : text[..(char.IsHighSurrogate(text[limit - 1]) ? limit - 1 : limit)];
    }
}
