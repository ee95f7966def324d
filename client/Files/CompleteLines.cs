namespace Rudder.Client.Files;

/// <summary>The lines of a file that end with a newline, with their byte offsets; a last line without one is left out.</summary>
internal static class CompleteLines
{
    /// <summary>Reads from the start of the stream.</summary>
    public static IEnumerable<(long Start, ReadOnlyMemory<byte> Line)> Of(Stream stream)
    {
        stream.Position = 0;
        byte[] block = new byte[64 * 1024];
        using MemoryStream line = new();
        long start = 0;
        for (int read = stream.Read(block); read > 0; read = stream.Read(block))
        {
            int from = 0;
            for (
                int end = block.AsSpan(from, read - from).IndexOf((byte)'\n');
                end >= 0;
                end = block.AsSpan(from, read - from).IndexOf((byte)'\n')
            )
            {
                line.Write(block, from, end);
                yield return (start, line.ToArray());
                start += line.Length + 1;
                line.SetLength(0);
                from += end + 1;
            }

            line.Write(block, from, read - from);
        }
    }
}
