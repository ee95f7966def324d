using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>What a server answered to raw bytes, as far as a fuzzer needs it.</summary>
/// <param name="Http">HTTP status; null where no response came.</param>
/// <param name="Grpc">gRPC status; null where none came.</param>
/// <param name="Message">gRPC status message, percent-decoded; empty where none came.</param>
internal sealed record Http2Answer(int? Http, int? Grpc, string Message)
{
    private static readonly int[] StaticStatuses = [200, 204, 206, 304, 400, 404, 500]; // entries 8 to 14 of the static table

    /// <summary>Sends bytes on a fresh connection and reads until stream 1 or the connection ends.</summary>
    /// <param name="server">Where to.</param>
    /// <param name="bytes">What.</param>
    /// <param name="cut">Whether the sending side is closed after them: for requests that nothing but their end completes.</param>
    public static async Task<Http2Answer> AskAsync(Uri server, byte[] bytes, bool cut)
    {
        using var client = new TcpClient(AddressFamily.InterNetwork) { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, server.Port);
        var stream = client.GetStream();
        var answer = new Http2Answer(null, null, "");
        try
        {
            await stream.WriteAsync(bytes);
            if (cut)
            {
                client.Client.Shutdown(SocketShutdown.Send);
            }

            return await ReadAsync(stream, answer);
        }
        catch (IOException)
        {
            return answer; // the server closed on what it will not hear to the end
        }
        catch (SocketException)
        {
            return answer;
        }
    }

    private static async Task<Http2Answer> ReadAsync(NetworkStream stream, Http2Answer answer)
    {
        byte[] header = new byte[Http2Bytes.FrameHeader];
        while (await stream.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false) == header.Length)
        {
            byte[] payload = new byte[(header[0] << 16) | (header[1] << 8) | header[2]];
            if (await stream.ReadAtLeastAsync(payload, payload.Length, throwOnEndOfStream: false) < payload.Length)
            {
                break; // an HTTP/1.1 refusal reads like this
            }

            byte type = header[3];
            bool ofStream = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(5)) == 1;
            if (type == Http2Bytes.Headers && ofStream)
            {
                answer = answer.With(payload);
            }

            bool ends = type is Http2Bytes.Headers or Http2Bytes.Data && (header[4] & Http2Bytes.EndStream) != 0;
            if (type == Http2Bytes.GoAway || (ofStream && (ends || type == Http2Bytes.Reset)))
            {
                break;
            }
        }

        return answer;
    }

    private Http2Answer With(ReadOnlySpan<byte> block)
    {
        var (http, grpc, message) = (Http, Grpc, Message);
        while (block.Length > 0)
        {
            bool indexed = (block[0] & 0x80) != 0;
            bool resizes = (block[0] & 0xE0) == 0x20;
            int index = Integer(ref block, indexed ? 7 : resizes ? 5 : (block[0] & 0x40) != 0 ? 6 : 4);
            if (indexed)
            {
                http = index is >= 8 and <= 14 ? StaticStatuses[index - 8] : http;
            }
            else if (!resizes)
            {
                string name = index == 0 ? Literal(ref block) : index is >= 8 and <= 14 ? ":status" : "";
                string value = Literal(ref block);
                http = name == ":status" ? int.Parse(value, System.Globalization.CultureInfo.InvariantCulture) : http;
                grpc = name == "grpc-status" ? int.Parse(value, System.Globalization.CultureInfo.InvariantCulture) : grpc;
                message = name == "grpc-message" ? Uri.UnescapeDataString(value) : message;
            }
        }

        return new Http2Answer(http, grpc, message);
    }

    private static int Integer(ref ReadOnlySpan<byte> block, int bits)
    {
        int mask = (1 << bits) - 1;
        int value = block[0] & mask;
        block = block[1..];
        for (int shift = 0, more = value == mask ? 1 : 0; more != 0; shift += 7)
        {
            value += (block[0] & 127) << shift;
            more = block[0] & 128;
            block = block[1..];
        }

        return value;
    }

    // Kestrel sends its headers without Huffman coding.
    private static string Literal(ref ReadOnlySpan<byte> block)
    {
        int length = Integer(ref block, 7);
        string text = Encoding.Latin1.GetString(block[..length]);
        block = block[length..];
        return text;
    }
}
