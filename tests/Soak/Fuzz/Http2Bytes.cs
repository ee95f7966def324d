using System.Buffers.Binary;
using System.Text;

namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Writes valid and invalid HTTP/2 frames (RFC 9113). Headers are literals without indexing (RFC 7541, 6.2.2).</summary>
internal sealed class Http2Bytes
{
    /// <summary>Frame type DATA.</summary>
    public const byte Data = 0;

    /// <summary>Frame type HEADERS.</summary>
    public const byte Headers = 1;

    /// <summary>Frame type RST_STREAM.</summary>
    public const byte Reset = 3;

    /// <summary>Frame type SETTINGS.</summary>
    public const byte Settings = 4;

    /// <summary>Frame type GOAWAY.</summary>
    public const byte GoAway = 7;

    /// <summary>Flag END_STREAM of HEADERS and DATA.</summary>
    public const byte EndStream = 1;

    /// <summary>Flag END_HEADERS of HEADERS.</summary>
    public const byte EndHeaders = 4;

    /// <summary>Bytes of a frame's header.</summary>
    public const int FrameHeader = 9;

    private readonly List<byte> _bytes = [];

    /// <summary>All that was written.</summary>
    public byte[] ToArray() => [.. _bytes];

    /// <summary>The connection preface and SETTINGS with a header table of size 0, so that answers hold literals too.</summary>
    public Http2Bytes Open()
    {
        Raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);
        return Frame(Settings, 0, 0, [0, 1, 0, 0, 0, 0]);
    }

    /// <summary>Bytes as they are.</summary>
    public Http2Bytes Raw(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    /// <summary>A frame.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="flags">Its flags.</param>
    /// <param name="stream">Its stream.</param>
    /// <param name="payload">What it carries.</param>
    /// <param name="length">The length it claims; null claims the true one.</param>
    public Http2Bytes Frame(byte type, byte flags, uint stream, ReadOnlySpan<byte> payload, int? length = null)
    {
        int claimed = length ?? payload.Length;
        Span<byte> header = stackalloc byte[FrameHeader];
        header[0] = (byte)(claimed >> 16);
        header[1] = (byte)(claimed >> 8);
        header[2] = (byte)claimed;
        header[3] = type;
        header[4] = flags;
        BinaryPrimitives.WriteUInt32BigEndian(header[5..], stream);
        return Raw(header).Raw(payload);
    }

    /// <summary>A header block of literals.</summary>
    public static byte[] Block(IEnumerable<(string Name, string Value)> headers)
    {
        var block = new List<byte>();
        foreach (var (name, value) in headers)
        {
            block.Add(0);
            AddLiteral(block, name);
            AddLiteral(block, value);
        }

        return [.. block];
    }

    /// <summary>A message with gRPC's prefix.</summary>
    /// <param name="message">The message.</param>
    /// <param name="flag">Compressed flag: 0 or 1, and anything else for a wrong one.</param>
    /// <param name="length">The length it claims; null claims the true one.</param>
    public static byte[] Message(byte[] message, byte flag = 0, uint? length = null)
    {
        byte[] prefix = new byte[5];
        prefix[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(prefix.AsSpan(1), length ?? (uint)message.Length);
        return [.. prefix, .. message];
    }

    private static void AddLiteral(List<byte> block, string text)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(text);
        AddInteger(block, bytes.Length);
        block.AddRange(bytes);
    }

    // RFC 7541, 5.1, with a prefix of 7 bits and no Huffman flag.
    private static void AddInteger(List<byte> block, int value)
    {
        const int Prefix = 127;
        if (value < Prefix)
        {
            block.Add((byte)value);
            return;
        }

        block.Add(Prefix);
        for (value -= Prefix; value >= 128; value >>= 7)
        {
            block.Add((byte)((value & 127) | 128));
        }

        block.Add((byte)value);
    }
}
