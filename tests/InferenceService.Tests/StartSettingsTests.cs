using Microsoft.Extensions.Configuration;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Tests.Security;

namespace Rudder.InferenceService.Tests;

/// <summary>ASP.NET Core settings that would open addresses besides the checked ones, and a missing device.</summary>
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
    [InlineData("Logging:LogLevel:Rudder", "Verbose", "Logging:LogLevel:Rudder")]
    [InlineData("Logging:Console:LogLevel:Default", "Loud", "Logging:Console:LogLevel:Default")]
    [InlineData("Logging:LogLevel", "Debug", "Logging:LogLevel is 'Debug'")]
    [InlineData("Logging:Level:Default", "Debug", "Logging:Level")]
    [InlineData("Logging:Console:FormatterOptions:TimestmpFormat", "HH", "Logging:Console:FormatterOptions:TimestmpFormat")]
    [InlineData("Logging:Console:FormatterOptions:UseUtcTimestamp", "maybe", "Logging:Console:FormatterOptions:UseUtcTimestamp")]
    [InlineData("Logging:Console:FormatterOptions:ColorBehavior", "Loud", "Logging:Console:FormatterOptions:ColorBehavior")]
    [InlineData("Logging:Console:FormatterName", "json", "Logging:Console:FormatterName")]
    public void Read_LoggingThatTheHostIgnoresOrTripsOver_IsRefused(string key, string value, string expected) =>
        Assert.Contains(expected, Assert.Single(Faults((key, value))));

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
            var file = new ConfigurationManager().AddJsonFile(path).Build();

            string fault = Assert.Single(Faults(file));

            Assert.Contains(Path.GetFileName(path), fault);
            Assert.Contains("Did you mean 'Service'?", fault);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Read_CudaLibraryThatIsNotThere_IsAFault() =>
        Assert.Contains("/nowhere/cuda.so', which does not exist", Assert.Single(Faults(
            ("Service:Device", "cuda"), ("Service:CudaProviderLibrary", "/nowhere/cuda.so"))));

    [Theory]
    [InlineData(null, "localhost", "127.0.0.1", "[::1]", "127.0.0.1")]
    [InlineData("a.example;b.example", "a.example", "b.example")]
    public void Read_WithoutKeys_AllowsOnlyOwnOrNamedHosts(string? set, params string[] expected)
    {
        var settings = StartSettings.Read(
            new CommandLine([]),
            new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create("AllowedHosts", set)]).Build(),
            TimeProvider.System);

        Assert.Equal(expected, settings.Hosts);
    }

    [Theory]
    [InlineData("http://0.0.0.0:0", null, true)]
    [InlineData("http://[::]:0", null, true)]
    [InlineData("http://0.0.0.0:0", "a.example", false)]
    [InlineData("http://10.0.0.1:0", null, false)]
    public void Read_EveryAddressWithoutKeys_NeedsAllowedHosts(string url, string? hosts, bool refused)
    {
        var faults = Faults(("Service:AllowRemote", "true"), ("urls", url), ("AllowedHosts", hosts!));

        Assert.Equal(refused, faults.Any(fault => fault.Contains("AllowedHosts", StringComparison.Ordinal)));
        Assert.Equal(refused ? 1 : 0, faults.Count);
    }

    [Theory]
    [InlineData(null, "*")]
    [InlineData("https://127.0.0.1:0", "*")]
    [InlineData("http://127.0.0.1:0", "localhost")]
    public void Read_ClientCertificates_AllowEveryHostOnlyWhereEachAddressIsTls(string? httpUrls, string expected)
    {
        using var certificates = new TestCertificates("root");
        var line = new CommandLine([.. certificates.Flags, .. httpUrls is null ? Array.Empty<string>() : ["--http-urls", httpUrls]]);
        var configuration = new ConfigurationBuilder()
            .AddCommandLine([.. line.Settings, $"--Service:Tls:ClientCaFile={certificates.RootFile}"]).Build();

        Assert.Equal(expected, StartSettings.Read(line, configuration, TimeProvider.System).Hosts[0]);
    }

    [Fact]
    public void Read_CollectorOfTheEnvironmentIsNotAUrl_IsRefusedWithoutItsValue()
    {
        string fault = Assert.Single(Faults(("OTEL_EXPORTER_OTLP_ENDPOINT", "name:secret@collector")));

        Assert.Contains("OTEL_EXPORTER_OTLP_ENDPOINT", fault);
        Assert.DoesNotContain("secret", fault);
    }

    private static List<string> Faults(params (string Key, string Value)[] settings) => Faults(new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)))
        .Build());

    private static List<string> Faults(IConfiguration configuration)
    {
        try
        {
            StartSettings.Read(new CommandLine([]), configuration, TimeProvider.System);
            return [];
        }
        catch (UsageException refused)
        {
            return [.. refused.Message.Split('\n').Where(line => line.StartsWith("- ", StringComparison.Ordinal))];
        }
    }
}
