using Rudder.InferenceService.Options;

namespace Rudder.InferenceService.Tests.Options;

public sealed class ListenAddressesTests
{
    [Theory]
    [InlineData(null, "127.0.0.1:50051")]
    [InlineData("http://127.0.0.1:0", "127.0.0.1:0")]
    [InlineData("http://localhost:5", "127.0.0.1:5")]
    [InlineData("http://127.9.9.9:5/", "127.9.9.9:5")]
    [InlineData("http://[::1]:5", "[::1]:5")]
    [InlineData("http://127.0.0.1:5; http://127.0.0.1:6", "127.0.0.1:5 127.0.0.1:6")]
    public void Parse_Loopback_GivesEndpoints(string? urls, string expected) =>
        Assert.Equal(expected, string.Join(' ', ListenAddresses.Parse(urls, allowRemote: false)));

    [Theory]
    [InlineData("http://0.0.0.0:5")]
    [InlineData("http://[::]:5")]
    [InlineData("http://192.168.1.2:5")]
    [InlineData("http://127.0.0.1:5;http://10.0.0.1:5")]
    public void Parse_ReachableFromOutside_NeedsTheOption(string urls)
    {
        var fault = Assert.Throws<UsageException>(() => ListenAddresses.Parse(urls, allowRemote: false));

        Assert.Contains("Service:AllowRemote", fault.Message);
        Assert.NotEmpty(ListenAddresses.Parse(urls, allowRemote: true));
    }

    [Theory]
    [InlineData("")]
    [InlineData(";")]
    [InlineData("127.0.0.1:5")]
    [InlineData("https://127.0.0.1:5")]
    [InlineData("http://*:5")]
    [InlineData("http://+:5")]
    [InlineData("http://example.org:5")]
    [InlineData("http://127.0.0.1:5/path")]
    [InlineData("unix:/tmp/x")]
    public void Parse_NoSuchAddress_SaysWhatItTakes(string urls)
    {
        var fault = Assert.Throws<UsageException>(() => ListenAddresses.Parse(urls, allowRemote: true));

        Assert.Contains("http://127.0.0.1:50051", fault.Message);
    }
}
