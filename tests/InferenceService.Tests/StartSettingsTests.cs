using Microsoft.Extensions.Configuration;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Tests;

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

    [Theory]
    [InlineData("Logging:LogLevel:Rudder", "Verbose", "Logging:LogLevel:Rudder is 'Verbose'; it takes Trace, Debug,")]
    [InlineData("Logging:LogLevel:Rudder", "1", "Logging:LogLevel:Rudder is '1'")]
    [InlineData("Logging:LogLevel:Rudder.Telemetry:Deep", "Loud", "Logging:LogLevel:Rudder.Telemetry:Deep is 'Loud'")]
    [InlineData("Logging:Console:LogLevel:Default", "Loud", "Logging:Console:LogLevel:Default is 'Loud'")]
    [InlineData("Logging:LogLevel", "Debug", "Logging:LogLevel is 'Debug'; it is a group of keys")]
    [InlineData("Logging:Level:Default", "Debug", "Logging:Level is no setting; Logging knows LogLevel, Console")]
    [InlineData("Logging:Console:FormatterOptions:TimestmpFormat", "HH", "Logging:Console:FormatterOptions:TimestmpFormat is no setting")]
    [InlineData("Logging:Console:FormatterOptions:UseUtcTimestamp", "maybe", "Logging:Console:FormatterOptions:UseUtcTimestamp is 'maybe'; it takes true or false")]
    [InlineData("Logging:Console:FormatterOptions:ColorBehavior", "Loud", "Logging:Console:FormatterOptions:ColorBehavior is 'Loud'; it takes Default,")]
    [InlineData("Logging:Console:FormatterName", "json", "Logging:Console:FormatterName is no setting")]
    public void Read_LoggingThatTheHostIgnoresOrTripsOver_IsRefused(string key, string value, string expected) =>
        Assert.StartsWith(expected, Assert.Single(Faults((key, value))));

    [Theory]
    [InlineData("Logging:LogLevel:Rudder", "debug")]
    [InlineData("Logging:Console:LogLevel:Default", "None")]
    [InlineData("Logging:Console:FormatterOptions:TimestampFormat", "HH:mm:ss ")]
    [InlineData("Logging:Console:FormatterOptions:UseUtcTimestamp", "True")]
    [InlineData("Logging:Console:FormatterOptions:ColorBehavior", "disabled")]
    public void Read_LoggingOfTheHost_IsTaken(string key, string value) => Assert.Empty(Faults((key, value)));

    [Fact]
    public void Read_SettingsFileWithAKeyThatDoesNotExist_NamesIt()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, """{ "Servise": { "MaxSlots": 4 }, "Service": {}, "Logging": {}, "AllowedHosts": "*", "urls": "http://127.0.0.1:0" }""");
            var faults = new List<string>();

            StartSettings.Read(CommandLine.Parse([]), new ConfigurationManager().AddJsonFile(path).Build(), TimeProvider.System, faults);

            string fault = Assert.Single(faults);
            Assert.Contains(Path.GetFileName(path), fault);
            Assert.Contains("'Servise', which is no setting", fault);
        }
        finally
        {
            File.Delete(path);
        }
    }

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
