namespace Microsoft.ML.Tokenizers;

/// <summary>GPT-2's spelling of bytes: each of the 256 has one printable character.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] ToChar = Make();
    private static readonly Dictionary<char, byte> FromChar = ToChar.Select((c, b) => (c, b)).ToDictionary(p => p.c, p => (byte)p.b);

    /// <summary>The character that spells a byte.</summary>
    public static char Spell(byte value) => ToChar[value];

    /// <summary>The byte that a character spells; false for a character outside the alphabet.</summary>
    public static bool TryRead(char character, out byte value) => FromChar.TryGetValue(character, out value);

    private static char[] Make()
    {
        var chars = new char[256];
        int next = 256; // bytes that do not print are moved up, in order
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
            chars[b] = (char)(printable ? b : next++);
        }

        return chars;
    }
}
