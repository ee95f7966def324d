using System.IO.Compression;

namespace Rudder.Checkpoints;

/// <summary>Reads one storage of an archive sequentially. Seeking back reopens the entry.</summary>
internal sealed class StorageReader(ZipArchiveEntry entry, string key) : IDisposable
{
    private Stream _stream = entry.Open();
    private long _position;
    private byte[]? _whole;

    /// <summary>The storage's name.</summary>
    public string Key { get; } = key;

    /// <summary>Fills a buffer from a byte offset. Throws <see cref="EndOfStreamException"/> if the storage is too short.</summary>
    public void Read(long at, Span<byte> destination)
    {
        if (at < _position)
        {
            _stream.Dispose();
            _stream = entry.Open();
            _position = 0;
        }

        Span<byte> skipped = stackalloc byte[4096];
        while (_position < at)
        {
            var part = skipped[..(int)Math.Min(skipped.Length, at - _position)];
            _stream.ReadExactly(part);
            _position += part.Length;
        }

        _stream.ReadExactly(destination);
        _position += destination.Length;
    }

    /// <summary>Reads and caches the whole storage, for tensors with scattered elements.</summary>
    /// <exception cref="NotSupportedException">The storage exceeds the maximum array size.</exception>
    public ReadOnlySpan<byte> Whole()
    {
        if (_whole is null)
        {
            if (entry.Length > Array.MaxLength)
            {
                throw new NotSupportedException($"a storage of {entry.Length} bytes is read in order only; save the model with contiguous tensors");
            }

            var bytes = new byte[entry.Length];
            Read(0, bytes);
            _whole = bytes;
        }

        return _whole;
    }

    public void Dispose() => _stream.Dispose();
}
