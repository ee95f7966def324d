using System.Net;
using Rudder.InferenceService.Security;

namespace Rudder.InferenceService.Tests.Security;

public sealed class CallerTests
{
    [Theory]
    [InlineData("10.1.2.3", "10.1.2.3")]
    [InlineData("::ffff:10.1.2.3", "10.1.2.3")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:2:ffff::", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:3::1", "2001:db8:1:3::/64")]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("::1", "::1")]
    public void AddressOf_Address_IsItselfOrItsNetwork(string address, string expected) => Assert.Equal(expected, Caller.AddressOf(IPAddress.Parse(address)));

    [Fact]
    public void AddressOf_Nothing_IsLocal() => Assert.Equal("local", Caller.AddressOf(null));
}
