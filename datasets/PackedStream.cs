using System.Buffers.Binary;
using System.IO.Compression;

namespace Rudder.Datasets;

/// <summary>
/// Unpacks a gzip file and checks at its end that all of it came: .NET's own reader takes a truncated file for a shorter one.
/// </summary>
internal sealed class PackedStream(FileStream file) : Stream
{
    private readonly GZipStream unpacked = new(file, CompressionMode.Decompress, leaveOpen: true);
    private uint count; // the format gives the length modulo 2^32
    private bool ended;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        int read = unpacked.Read(buffer);
        count += (uint)read;
        if (read == 0 && buffer.Length > 0 && !ended)
        {
            ended = true;
            CheckLength();
        }

        return read;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            unpacked.Dispose();
            file.Dispose();
        }

        base.Dispose(disposing);
    }

    private void CheckLength()
    {
        if (file.Length == 0)
        {
            throw new InvalidDataException("An empty file is no gzip file.");
        }

        Span<byte> trailer = stackalloc byte[4];
        file.Position = Math.Max(0, file.Length - trailer.Length);
        file.ReadAtLeast(trailer, trailer.Length, throwOnEndOfStream: false);
        uint expected = BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        if (expected != count)
        {
            throw new InvalidDataException($"{count} bytes came out where its end says {expected}: it is truncated, or several files were joined.");
        }
    }
}
