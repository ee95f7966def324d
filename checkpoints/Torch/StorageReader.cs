using System.IO.Compression;

namespace Rudder.Checkpoints;

/// <summary>Reads one storage of an archive, mostly forwards; going back reopens the entry.</summary>
internal sealed class StorageReader(ZipArchiveEntry entry, string key) : IDisposable
{
    private Stream stream = entry.Open();
    private long position;

    /// <summary>The storage's name.</summary>
    public string Key { get; } = key;

    /// <summary>Fills a buffer from a byte offset on; an end before that is an <see cref="EndOfStreamException"/>.</summary>
    public void Read(long at, Span<byte> destination)
    {
        if (at < position)
        {
            stream.Dispose();
            stream = entry.Open();
            position = 0;
        }

        Span<byte> skipped = stackalloc byte[4096];
        while (position < at)
        {
            var part = skipped[..(int)Math.Min(skipped.Length, at - position)];
            stream.ReadExactly(part);
            position += part.Length;
        }

        stream.ReadExactly(destination);
        position += destination.Length;
    }

    public void Dispose() => stream.Dispose();
}
