using ICSharpCode.SharpZipLib.Checksum;
using ICSharpCode.SharpZipLib.GZip;
using ICSharpCode.SharpZipLib.Zip.Compression;
using ICSharpCode.SharpZipLib.Zip.Compression.Streams;

namespace Rudder.Datasets;

/// <summary>
/// Unpacks a gzip file member by member (RFC 1952) and refuses every byte that belongs to none. SharpZipLib's own stream takes a damaged
/// header of a later member for the end of the file; <see cref="System.IO.Compression.GZipStream"/> also reads a truncated file as a shorter one.
/// </summary>
internal sealed class GZipMembers : InflaterInputStream
{
    private readonly FileStream _file;
    private readonly Crc32 _content = new();
    private readonly Crc32 _header = new();
    private bool _inMember;

    public GZipMembers(FileStream file)
        : base(file, new Inflater(noHeader: true), 1 << 16) => _file = file;

    public override int Read(byte[] buffer, int offset, int count)
    {
        while (count > 0 && (_inMember || Begin()))
        {
            int read = base.Read(buffer, offset, count);
            if (read > 0)
            {
                _content.Update(new ArraySegment<byte>(buffer, offset, read));
                return read;
            }

            End();
        }

        return 0;
    }

    /// <summary>Reads a member's header; false at the end of the file.</summary>
    private bool Begin()
    {
        if (inputBuffer.Available == 0)
        {
            inputBuffer.Fill();
        }

        long start = _file.Position - inputBuffer.Available;
        if (inputBuffer.Available == 0 && start > 0)
        {
            return false;
        }

        _header.Reset();
        bool known = Next() == 0x1F && Next() == 0x8B && Next() == 8;
        int flags = known ? Next() : 0;
        if (!known || (flags & 0xE0) != 0)
        {
            throw new GZipException($"at byte {start} there is no gzip header");
        }

        SkipBytes(6); // time, compression level, system
        SkipBytes((flags & 4) != 0 ? Next() | (Next() << 8) : 0);
        SkipText((flags & 8) != 0);
        SkipText((flags & 16) != 0);
        int sum = (int)_header.Value & 0xFFFF;
        if ((flags & 2) != 0 && (Next() | (Next() << 8)) != sum)
        {
            throw new GZipException($"the gzip header at byte {start} differs from its checksum");
        }

        inf.Reset();
        _content.Reset();
        return _inMember = true;
    }

    /// <summary>Checks a member's content against its trailer.</summary>
    private void End()
    {
        inputBuffer.Available += inf.RemainingInput;
        uint sum = (uint)inputBuffer.ReadLeInt();
        uint length = (uint)inputBuffer.ReadLeInt();
        if (sum != (uint)_content.Value || length != (uint)inf.TotalOut)
        {
            throw new GZipException($"the content before byte {_file.Position - inputBuffer.Available} differs from its checksum");
        }

        _inMember = false;
    }

    private int Next()
    {
        int value = inputBuffer.ReadLeByte();
        _header.Update(value);
        return value;
    }

    private void SkipBytes(int bytes)
    {
        for (; bytes > 0; bytes--)
        {
            Next();
        }
    }

    private void SkipText(bool present)
    {
        while (present && Next() != 0)
        {
        }
    }
}
