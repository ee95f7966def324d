namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Corrupts a valid message with one to three mutations.</summary>
internal static class ByteMutations
{
    private const int MostSteps = 3;
    private const int DeepestNesting = 400;

    /// <summary>A spoiled copy; now and then one that is still a message.</summary>
    /// <param name="random">The case's generator.</param>
    /// <param name="valid">What to start from.</param>
    /// <param name="other">Another message, for splices.</param>
    public static byte[] Spoil(Random random, byte[] valid, byte[] other)
    {
        byte[] bytes = valid;
        for (int step = random.Next(1, MostSteps + 1); step > 0; step--)
        {
            bytes = Once(random, bytes, other);
        }

        return bytes;
    }

    private static byte[] Once(Random random, byte[] bytes, byte[] other)
    {
        int at = random.Next(bytes.Length + 1);
        return random.Next(9) switch
        {
            0 => Changed(bytes, at, value => (byte)(value ^ (1 << random.Next(8)))),
            1 => bytes[..at],
            2 => [.. bytes, .. bytes[at..]],
            3 => [.. bytes[..at], .. other[random.Next(other.Length + 1)..]],
            4 => Changed(bytes, at, value => (byte)((value & ~7) | random.Next(8))), // another wire type, where it hits a tag
            5 => [.. bytes[..at], .. Enumerable.Repeat((byte)0xFF, random.Next(1, 12)), .. bytes[at..]], // varints without end
            6 => [.. bytes, .. Nested(random)],
            7 => [.. bytes[..at], .. Noise(random), .. bytes[at..]],
            _ => Changed(bytes, at, _ => (byte)random.Next(256)),
        };
    }

    private static byte[] Changed(byte[] bytes, int at, Func<byte, byte> change)
    {
        byte[] copy = [.. bytes];
        if (at < copy.Length)
        {
            copy[at] = change(copy[at]);
        }

        return copy;
    }

    // Groups within groups (field 1 or an unknown one), closed or not: what a recursive parser dies of.
    private static byte[] Nested(Random random)
    {
        int depth = random.Next(1, DeepestNesting);
        byte field = random.Next(2) == 0 ? (byte)0x0B : (byte)0x7B;
        IEnumerable<byte> opened = Enumerable.Repeat(field, depth);
        return random.Next(2) == 0 ? [.. opened] : [.. opened, .. Enumerable.Repeat((byte)(field + 1), depth)];
    }

    private static byte[] Noise(Random random)
    {
        byte[] noise = new byte[random.Next(1, 40)];
        random.NextBytes(noise);
        return noise;
    }
}
