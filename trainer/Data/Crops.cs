namespace Rudder.Trainer.Data;

/// <summary>Random and consecutive cuts of a tokenised text.</summary>
internal static class Crops
{
    /// <summary>A random crop of <paramref name="minimum"/> to <paramref name="maximum"/> tokens, or a shorter text whole.</summary>
    public static Range Random(int length, int minimum, int maximum, Random random)
    {
        int wanted = Math.Min(length, random.Next(minimum, maximum + 1));
        int start = random.Next(length - wanted + 1);
        return start..(start + wanted);
    }

    /// <summary>Consecutive windows that cover the text; the last one may be shorter.</summary>
    public static IEnumerable<Range> Windows(int length, int window)
    {
        for (int start = 0; start < length; start += window)
        {
            yield return start..Math.Min(length, start + window);
        }
    }
}
