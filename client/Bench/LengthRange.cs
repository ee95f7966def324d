using System.Globalization;

namespace Rudder.Client.Bench;

/// <summary>A distribution of lengths in tokens: uniform over whole numbers, or fixed where both ends are equal.</summary>
/// <param name="Min">Shortest. Range 1 to <paramref name="Max"/>.</param>
/// <param name="Max">Longest. Range up to 1,048,576.</param>
internal readonly record struct LengthRange(int Min, int Max)
{
    private const int Longest = 1 << 20;

    /// <summary>Reads "64" or "16-128".</summary>
    /// <returns>False for any other text.</returns>
    public static bool TryParse(string text, out LengthRange range)
    {
        string[] ends = text.Split('-', 2);
        bool read = int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int min)
            & int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int max);
        range = new LengthRange(min, max);
        return read && min >= 1 && min <= max && max <= Longest;
    }

    /// <summary>As the command line has it, e.g. "64" or "16-128".</summary>
    public override string ToString() => Min == Max ? $"{Min}" : $"{Min}-{Max}";

    /// <summary>Draws a length.</summary>
    public int Draw(Random random) => random.Next(Min, Max + 1);
}
