using System.Net;
using FsCheck.Fluent;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Generates listen addresses. None beyond loopback is accepted, and every other text gives a fault that names the flag.</summary>
public sealed class ListenAddressPropertyTests
{
    private static readonly ServiceOptions Loopback = new();

    private static readonly string[] Schemes = ["http://", "https://", "HTTP://", "ftp://", "unix:", "", "http:", "//"];

    private static readonly string[] Hosts =
    [
        "127.0.0.1", "127.1.2.3", "localhost", "[::1]", "0.0.0.0", "[::]", "*", "+", "10.0.0.1", "example.com", "[::ffff:10.0.0.1]",
        "", "127.0.0.1.nip.io", "user@127.0.0.1", "2130706433",
    ];

    private static readonly string[] Ends = ["", ":0", ":50051", ":65535", ":65536", ":-1", ":x", ":1/", ":1/x", ":1?q", ":1#f", ";", ":1;http://0.0.0.0:2", " "];

    [Fact]
    public void Parse_AnyText_IsLoopbackOrAFault()
    {
        var urls =
            from scheme in Gen.Elements(Schemes)
            from host in Gen.Elements(Hosts)
            from end in Gen.Elements(Ends)
            select scheme + host + end;
        var odd = Properties.Hostile(values => values.Text() + values.Path());

        Properties.Hold(Gen.OneOf(urls, urls, odd), text =>
        {
            var faults = new List<string>();
            var addresses = ListenAddresses.Parse("--urls", text, Loopback, faults);

            Assert.All(addresses, address => Assert.True(IPAddress.IsLoopback(address.EndPoint.Address) && !address.Tls, $"{address} got through"));
            Assert.All(faults, fault => Assert.StartsWith("--urls ", fault));
            Assert.NotEqual(0, addresses.Count + faults.Count);
        });
    }
}
