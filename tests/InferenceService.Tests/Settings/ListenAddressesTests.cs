using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Tests.Settings;

public sealed class ListenAddressesTests
{
    private static readonly ServiceOptions Plain = new();
    private static readonly ServiceOptions Certified = Plain with { Tls = new TlsOptions { CertificateFile = "service.pem" } };
    private static readonly ServiceOptions Everything = Certified with { ApiKeysFile = "keys.json", AllowRemote = true };

    [Theory]
    [InlineData("http://127.0.0.1:0", "http://127.0.0.1:0")]
    [InlineData("http://localhost:5", "http://127.0.0.1:5")]
    [InlineData("http://127.9.9.9:5/", "http://127.9.9.9:5")]
    [InlineData("http://[::1]:5", "http://[::1]:5")]
    [InlineData("http://127.0.0.1:5; http://127.0.0.1:6", "http://127.0.0.1:5 http://127.0.0.1:6")]
    public void Parse_Loopback_GivesAddresses(string urls, string expected)
    {
        var (addresses, faults) = Parse(urls, Plain);

        Assert.Empty(faults);
        Assert.Equal(expected, string.Join(' ', addresses));
    }

    [Fact]
    public void Parse_Https_NeedsACertificate()
    {
        Assert.Contains("Service:Tls:CertificateFile", Assert.Single(Parse("https://127.0.0.1:5", Plain).Faults));

        var (addresses, faults) = Parse("https://127.0.0.1:5", Certified);
        Assert.Empty(faults);
        Assert.Equal("https://127.0.0.1:5", $"{Assert.Single(addresses)}");
    }

    [Theory]
    [InlineData("http://0.0.0.0:5")]
    [InlineData("http://[::]:5")]
    [InlineData("http://192.168.1.2:5")]
    [InlineData("http://127.0.0.1:5;http://10.0.0.1:5")]
    [InlineData("https://10.0.0.1:5")]
    public void Parse_ReachableFromOutside_NeedsTheOptionByName(string urls)
    {
        Assert.Contains("Service:AllowRemote", Assert.Single(Parse(urls, Certified).Faults));
        Assert.Empty(Parse(urls, Certified with { AllowRemote = true }).Faults);
    }

    [Fact]
    public void Parse_TlsAndKnownCallers_MayBeReachedFromOutsideButCleartextMayNot()
    {
        var rules = Certified with { ApiKeysFile = "keys.json" };

        Assert.Empty(Parse("https://0.0.0.0:5", rules).Faults);
        Assert.Contains("not encrypted", Assert.Single(Parse("http://0.0.0.0:5", rules).Faults));
        Assert.Contains("callers are not checked", Assert.Single(Parse("https://0.0.0.0:5", Certified).Faults));
    }

    [Theory]
    [InlineData("")]
    [InlineData(";")]
    [InlineData("127.0.0.1:5")]
    [InlineData("ftp://127.0.0.1:5")]
    [InlineData("http://*:5")]
    [InlineData("http://+:5")]
    [InlineData("http://example.org:5")]
    [InlineData("http://127.0.0.1:5/path")]
    [InlineData("http://127.0.0.1:5/?a=b")]
    [InlineData("http://name@127.0.0.1:5")]
    [InlineData("unix:/tmp/x")]
    public void Parse_NoSuchAddress_SaysWhatItTakes(string urls)
    {
        string fault = Assert.Single(Parse(urls, Everything).Faults);

        Assert.StartsWith("--urls", fault);
        Assert.Contains("http://127.0.0.1:50051", fault);
    }

    [Fact]
    public void Parse_SeveralFaults_ListsEach() => Assert.Equal(3, Parse("http://0.0.0.0:5;https://127.0.0.1:5;x", Plain).Faults.Count);

    private static (IReadOnlyList<ListenAddress> Addresses, List<string> Faults) Parse(string urls, ServiceOptions rules)
    {
        var faults = new List<string>();
        return (ListenAddresses.Parse("--urls", urls, rules, faults), faults);
    }
}
