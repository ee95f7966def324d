using Google.Protobuf;
using Grpc.Core;
using Rudder.Inference.V1;
using Rudder.InferenceService.Grpc;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class UnknownFieldsTests
{
    private static SampleRequest Full => new()
    {
        Model = "m",
        Prompts = { new Prompt { Ids = new TokenIds { Ids = { 1, 2 } }, Seed = 3 }, new Prompt { Text = "t" } },
        N = 2,
        Settings = new SamplerSettings { Temperature = 0.5f, StopStrings = { "a" }, StopIds = { 4 } },
    };

    [Fact]
    public void FirstIn_EveryFieldKnown_IsNull() => Assert.Null(UnknownFields.FirstIn(Full));

    [Fact]
    public void FirstIn_UnknownAtTheTop_NamesItsNumber()
    {
        // Field 900, varint 1.
        byte[] bytes = [.. Full.ToByteArray(), 0xA0, 0x38, 0x01];

        Assert.Equal("field 900", UnknownFields.FirstIn(SampleRequest.Parser.ParseFrom(bytes)));
    }

    [Fact]
    public void FirstIn_UnknownInside_NamesItsPath()
    {
        var prompt = Prompt.Parser.ParseFrom([0x0A, 0x01, (byte)'x', 0xA0, 0x38, 0x01]);
        var request = Full;
        request.Prompts.Add(prompt);

        Assert.Equal("prompts[2].field 900", UnknownFields.FirstIn(request));
    }

    [Fact]
    public void FirstIn_KnownNumberOfAnotherWireType_NamesItsPath()
    {
        // Field 1, temperature, is a float; this is the double 1.
        byte[] settings = [0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F];
        var request = new SampleRequest { Settings = SamplerSettings.Parser.ParseFrom(settings) };

        Assert.False(request.Settings.HasTemperature);
        Assert.Equal("settings.field 1", UnknownFields.FirstIn(request));
    }

    [Fact]
    public void FirstIn_NumberInAMessagesPlace_NamesItsNumber()
    {
        // Field 2, prompts, as the varint 5: read as a length it would lead beyond the message's end.
        byte[] bytes = [.. Full.ToByteArray(), 0x10, 0x05];

        Assert.Equal("field 2", UnknownFields.FirstIn(SampleRequest.Parser.ParseFrom(bytes)));
    }

    [Fact]
    public void FirstIn_MoreMessagesThanAnyCallNeeds_IsRefused()
    {
        // Field 2, prompts, of no bytes: two bytes each.
        byte[] bytes = [.. Enumerable.Range(0, UnknownFields.MaxMessages + 1).SelectMany(_ => new byte[] { 0x12, 0x00 })];

        var fault = Assert.Throws<RpcException>(() => UnknownFields.FirstIn(SampleRequest.Parser.ParseFrom(bytes)));

        Assert.Equal(StatusCode.InvalidArgument, fault.StatusCode);
        Assert.Contains($"more than {UnknownFields.MaxMessages} messages", fault.Status.Detail);
    }
}
