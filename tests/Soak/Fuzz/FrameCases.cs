namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>What a case sends, and whether only the end of the connection completes it.</summary>
/// <param name="Bytes">All bytes of the connection.</param>
/// <param name="Cut">Whether the sending side is closed after them.</param>
internal sealed record FrameCase(byte[] Bytes, bool Cut);

/// <summary>Malformed connections, frames, headers and message prefixes, each from a case's generator.</summary>
internal static class FrameCases
{
    private const byte HeadersOnly = Http2Bytes.EndHeaders;
    private static readonly string[] Timeouts =
        ["", "0", "1", "S", "1n", "1u", "-1S", "99999999H", "999999999S", "1.5S", "1X", " 1S", "\u00B2S"];
    private static readonly string[] ContentTypes =
        ["", "text/plain", "application/json", "application/grpcx", "application/grpc-web", "application/grpc+json", "\t"];
    private static readonly string[] Encodings = ["gzip", "deflate", "identity", "br", "", "gzip,gzip", "\u00FF"];
    private static readonly string[] Methods = ["GET", "PUT", "", "CONNECT", "PRI", "post"];

    private static readonly string[] PathsOfNothing =
        ["", "*", "/", "//", "/x", "/inference.v1.Sampling", "/inference.v1.Sampling/", "/inference.v1.Sampling/Nothing", "/%00",
        "/../../etc/passwd", "/a?b#c", "\\"];

    /// <summary>A case.</summary>
    public static FrameCase Next(Random random) => random.Next(8) switch
    {
        0 => new FrameCase(BadPreface(random), Cut: true),
        1 => new FrameCase(RandomFrames(random), Cut: true),
        2 => new FrameCase(WrongLength(random), Cut: true),
        3 => new FrameCase(Truncated(random), Cut: true),
        4 or 5 => new FrameCase(WrongHeaders(random), Cut: false),
        _ => new FrameCase(WrongPrefix(random), Cut: false),
    };

    private static byte[] BadPreface(Random random)
    {
        byte[] noise = Noise(random, 200);
        byte[] good = new Http2Bytes().Open().ToArray();
        good[random.Next(24)] ^= (byte)random.Next(1, 256);
        return random.Next(3) switch
        {
            0 => noise,
            1 => good,
            _ => [.. "POST /inference.v1.Sampling/Sample HTTP/1.1\r\nHost: x\r\n\r\n"u8, .. noise],
        };
    }

    // Any type, flags and stream, often on top of a request that has begun.
    private static byte[] RandomFrames(Random random)
    {
        var bytes = new Http2Bytes().Open();
        if (random.Next(2) == 0)
        {
            bytes.Frame(Http2Bytes.Headers, HeadersOnly, 1, Http2Bytes.Block(Headers(Method(random))));
        }

        for (int frames = random.Next(1, 6); frames > 0; frames--)
        {
            bytes.Frame((byte)random.Next(12), (byte)random.Next(256), (uint)random.Next(5), Noise(random, 40));
        }

        return bytes.ToArray();
    }

    private static byte[] WrongLength(Random random)
    {
        byte[] block = Http2Bytes.Block(Headers(Method(random)));
        int length = random.Next(3) switch { 0 => 0xFFFFFF, 1 => random.Next(block.Length), _ => block.Length + random.Next(1, 20_000) };
        return new Http2Bytes().Open().Frame(Http2Bytes.Headers, HeadersOnly, 1, block, length).ToArray();
    }

    private static byte[] Truncated(Random random)
    {
        var method = Method(random);
        byte[] whole = Request(Headers(method), Http2Bytes.Message(method.Valid[0]));
        return whole[..random.Next(whole.Length)];
    }

    private static byte[] WrongHeaders(Random random)
    {
        var method = Method(random);
        var headers = Headers(method);
        switch (random.Next(10))
        {
            case 0:
                Set(headers, "content-type", Pick(random, ContentTypes));
                break;
            case 1:
                headers.RemoveAll(header => header.Name == "te");
                break;
            case 2:
                headers.Add(("grpc-timeout", Pick(random, Timeouts)));
                break;
            case 3:
                headers.Add(("x-large", new string('x', random.Next(1_000, 16_000))));
                break;
            case 4:
                headers.AddRange(Enumerable.Range(0, random.Next(2, 150)).Select(i => ("x-twice", $"{i}")));
                break;
            case 5:
                headers.Add(("trace-bin", random.Next(2) == 0 ? "not base64 !" : Convert.ToBase64String(Noise(random, 60))));
                break;
            case 6:
                Set(headers, ":path", Pick(random, PathsOfNothing));
                break;
            case 7:
                Set(headers, ":method", Pick(random, Methods));
                break;
            case 8:
                headers.RemoveAt(random.Next(headers.Count));
                break;
            default:
                headers.Add((random.Next(2) == 0 ? "UPPER" : ":pseudo", System.Text.Encoding.Latin1.GetString(Noise(random, 20))));
                break;
        }

        return Request(headers, Http2Bytes.Message(method.Valid[0]));
    }

    private static byte[] WrongPrefix(Random random)
    {
        var method = Method(random);
        var headers = Headers(method);
        byte[] message = method.Valid[0];
        byte[] body = random.Next(8) switch
        {
            0 => Http2Bytes.Message(message, (byte)random.Next(2, 256)),
            1 => Http2Bytes.Message(message, flag: 1),
            2 => Http2Bytes.Message(message, length: (uint)(message.Length + random.Next(1, 1_000))),
            3 => Http2Bytes.Message(message, length: uint.MaxValue),
            4 => Http2Bytes.Message(message, length: (uint)random.Next(message.Length + 1)),
            5 => [.. Http2Bytes.Message(message), .. Noise(random, 30)],
            6 => Noise(random, 5),
            _ => [],
        };
        if (random.Next(3) == 0)
        {
            headers.Add(("grpc-encoding", Pick(random, Encodings)));
        }

        return Request(headers, body);
    }

    private static byte[] Request(List<(string Name, string Value)> headers, byte[] body) => new Http2Bytes().Open()
        .Frame(Http2Bytes.Headers, HeadersOnly, 1, Http2Bytes.Block(headers))
        .Frame(Http2Bytes.Data, Http2Bytes.EndStream, 1, body)
        .ToArray();

    private static List<(string Name, string Value)> Headers(FuzzMethod method) =>
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "127.0.0.1"),
        (":path", method.Path),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("x-text", FuzzedService.Marker),
    ];

    private static void Set(List<(string Name, string Value)> headers, string name, string value) =>
        headers[headers.FindIndex(header => header.Name == name)] = (name, value);

    // Watch never ends by itself.
    private static FuzzMethod Method(Random random)
    {
        var method = Pick(random, FuzzMethod.All);
        return method.Name == "Watch" ? FuzzMethod.All[0] : method;
    }

    private static byte[] Noise(Random random, int most)
    {
        byte[] noise = new byte[random.Next(1, most + 1)];
        random.NextBytes(noise);
        return noise;
    }

    private static T Pick<T>(Random random, IReadOnlyList<T> from) => from[random.Next(from.Count)];
}
