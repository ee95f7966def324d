using Microsoft.Extensions.Configuration;
using Rudder.InferenceService.Options;

namespace Rudder.InferenceService.Tests.Options;

/// <summary>Settings of ASP.NET Core itself that would listen beside or instead of the checked addresses, and a device that is not there.</summary>
public sealed class StartSettingsTests
{
    [Theory]
    [InlineData("Kestrel:Endpoints:Other:Url", "http://0.0.0.0:5", "a section Kestrel")]
    [InlineData("preferHostingUrls", "true", "preferHostingUrls is 'true'")]
    [InlineData("PreferHostingUrls", "True", "preferHostingUrls is 'True'")]
    [InlineData("preferHostingUrls", "1", "preferHostingUrls is '1'")]
    public void Read_ListensBesideTheCheckedAddresses_IsRefused(string key, string value, string expected) =>
        Assert.Contains(expected, Assert.Single(Faults((key, value))));

    [Theory]
    [InlineData("preferHostingUrls", "false")]
    [InlineData("http_ports", "8080")]
    public void Read_ChangesNoAddress_IsTaken(string key, string value) => Assert.Empty(Faults((key, value)));

    [Fact]
    public void Read_CudaLibraryThatIsNotThere_IsAFault() =>
        Assert.Contains("/nowhere/cuda.so', which is no file", Assert.Single(Faults(
            ("Service:Device", "cuda"), ("Service:CudaProviderLibrary", "/nowhere/cuda.so"))));

    private static List<string> Faults(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)))
            .Build();
        var faults = new List<string>();
        StartSettings.Read(CommandLine.Parse([]), configuration, TimeProvider.System, faults);
        return faults;
    }
}
