namespace Rudder.Checkpoints;

/// <summary>GPT-2's spelling of bytes in vocabularies: printable bytes as themselves, the others as characters from U+0100 on.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] Spelling = Make();
    private static readonly Dictionary<char, byte> Bytes = Enumerable.Range(0, 256).ToDictionary(b => Spelling[b], b => (byte)b);

    /// <summary>The 256 characters in the order of GPT-2's first 256 tokens.</summary>
    public static IEnumerable<char> InOrder => Spelling.Order();

    /// <summary>A byte's character.</summary>
    public static char Spell(byte value) => Spelling[value];

    /// <summary>The bytes of a token, or null if it has characters outside the alphabet.</summary>
    public static byte[]? TryRead(string token)
    {
        var bytes = new byte[token.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            if (!Bytes.TryGetValue(token[i], out bytes[i]))
            {
                return null;
            }
        }

        return bytes;
    }

    private static char[] Make()
    {
        var spelling = new char[256];
        int moved = 0;
        for (int b = 0; b < 256; b++)
        {
            bool prints = b is > 0x20 and < 0x7F or > 0xA0 and not 0xAD;
            spelling[b] = prints ? (char)b : (char)(256 + moved++);
        }

        return spelling;
    }
}
