using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>gRPC messages packed by the client and by the service, seen on the wire where that matters.</summary>
public sealed class CompressionTests : IAsyncLifetime
{
    private const int Limit = 100_000;
    private RunningService _service = null!;

    public async ValueTask InitializeAsync() => _service = await RunningService.StartAsync(
        [.. RunningService.Model(0, "m", ModelCopies.Fixture("tiny-gpt2")), $"--Service:MaxRequestBytes={Limit}"]);

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Sample_PackedRequest_IsAnsweredAsAnUnpackedOne(string encoding)
    {
        var packed = await _service.Sampling.SampleAsync(Request(n: 2), new Metadata { { "grpc-internal-encoding-request", encoding } });

        Assert.Equal(await _service.Sampling.SampleAsync(Request(n: 2)), packed);
    }

    [Theory]
    [InlineData(64, "gzip", 1)]
    [InlineData(1, "gzip", 0)]
    [InlineData(64, "identity", 0)]
    public async Task Sample_Reply_IsPackedWhereItPaysAndTheClientTakesIt(int n, string accepted, int flag)
    {
        using var client = new HttpClient();
        using var response = await client.SendAsync(Raw(Frame(0, Request(n).ToByteArray()), accepted));
        byte[] frame = await response.Content.ReadAsByteArrayAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(flag, frame[0]);
        byte[] message = flag == 0 ? frame[5..] : Unpack(frame[5..]);
        Assert.Equal(n, SampleResponse.Parser.ParseFrom(message).Completions.Count);
        Assert.Equal(flag == 1, frame.Length - 5 < message.Length);
    }

    [Fact]
    public async Task Sample_RequestThatUnpacksBeyondTheLimit_IsResourceExhausted()
    {
        // 50 MB of zeros in 50 kB: small on the wire, far above the limit in memory.
        byte[] bomb = Pack(new byte[50_000_000]);
        Assert.True(bomb.Length < Limit);

        Assert.Equal(StatusCode.ResourceExhausted, await StatusAsync(bomb));
    }

    [Fact]
    public async Task Sample_DamagedRequest_IsInvalidArgument() =>
        Assert.Equal(StatusCode.InvalidArgument, await StatusAsync([.. "these bytes are no gzip"u8]));

    private static SampleRequest Request(int n) => new()
    {
        Model = "m",
        Prompts = { Golden.Prompt(1, 2, 3) },
        N = n,
        Settings = new SamplerSettings { Seed = 1, MaxNewTokens = 40 },
    };

    private async Task<StatusCode> StatusAsync(byte[] packed)
    {
        using var client = new HttpClient();
        using var request = Raw(Frame(1, packed), "identity");
        request.Headers.Add("grpc-encoding", "gzip");
        using var response = await client.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();

        // A call that fails before its first message has its status in the headers.
        var headers = response.Headers.Contains("grpc-status") ? response.Headers : response.TrailingHeaders;
        return (StatusCode)int.Parse(headers.GetValues("grpc-status").Single(), System.Globalization.CultureInfo.InvariantCulture);
    }

    private HttpRequestMessage Raw(byte[] frame, string accepted)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"{_service.Url}/inference.v1.Sampling/Sample")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(frame),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.Add("te", "trailers");
        request.Headers.Add("grpc-accept-encoding", accepted);
        return request;
    }

    private static byte[] Frame(byte packed, byte[] message) =>
        [packed, (byte)(message.Length >> 24), (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length, .. message];

    private static byte[] Pack(byte[] bytes)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return target.ToArray();
    }

    private static byte[] Unpack(byte[] bytes)
    {
        using var target = new MemoryStream();
        using var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
        gzip.CopyTo(target);
        return target.ToArray();
    }
}
