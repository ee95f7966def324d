using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Rudder.Inference.V1;
using Rudder.InferenceService.Grpc;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class ReadFaultsTests(SharedService shared)
{
    [Fact]
    public async Task Encode_TextThatIsNotUtf8_IsInvalid()
    {
        byte[] message = [0x0A, 1, (byte)'m', 0x12, 2, 0xFF, 0xFE]; // model "m", texts[0] of two bytes that no character has

        Assert.Equal((StatusCode.InvalidArgument, ReadFaults.NoMessage), await SendAsync(message));
    }

    [Fact]
    public async Task Encode_DamagedMessage_IsInvalid() => Assert.Equal((StatusCode.InvalidArgument, ReadFaults.NoMessage), await SendAsync([0x0A, 200]));

    [Fact]
    public async Task Encode_MessageAboveTheLimit_NamesTheLimitAndItsSetting()
    {
        var request = new EncodeRequest { Model = SharedService.Text, Texts = { new string('x', 5 << 20) } };

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await shared.Service.Models.EncodeAsync(request));

        Assert.Equal(StatusCode.ResourceExhausted, fault.StatusCode);
        Assert.Contains("4194304", fault.Status.Detail);
        Assert.Contains("Service:MaxRequestBytes", fault.Status.Detail);
    }

    private async Task<(StatusCode Status, string Detail)> SendAsync(byte[] message)
    {
        byte[] frame = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        using var client = new HttpClient { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var content = new ByteArrayContent(frame);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        client.DefaultRequestHeaders.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        using var reply = await client.PostAsync(new Uri(shared.Service.Url + "/inference.v1.Models/Encode"), content);
        return (Enum.Parse<StatusCode>(reply.Headers.GetValues("grpc-status").Single()), Uri.UnescapeDataString(reply.Headers.GetValues("grpc-message").Single()));
    }
}
