using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Tests.Settings;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--urls", "http://127.0.0.1:0")]
    [InlineData("--urls=http://127.0.0.1:0")]
    [InlineData("--Service:MaxSlots=4", "--Logging:LogLevel:Default", "Debug")]
    [InlineData("--Service:DrainSeconds", "-1")]
    [InlineData("--AllowedHosts", "example.org")]
    [InlineData("--http-urls", "http://127.0.0.1:0;https://127.0.0.1:0")]
    [InlineData("--check-config", "--Service:MaxSlots=4")]
    [InlineData("--new-key", "team-a")]
    public void Faults_KnownFlags_AreNone(params string[] args) => Assert.Empty(new CommandLine(args).Faults);

    [Theory]
    [InlineData("serve", "serve")]
    [InlineData("--port", "--port", "1")]
    [InlineData("--AllowedHostss", "--AllowedHostss", "example.org")]
    [InlineData("--Srevice:MaxSlots", "--Srevice:MaxSlots=4")]
    [InlineData("--urls", "--urls")]
    [InlineData("more", "--new-key", "team-a", "more")]
    [InlineData("--Kestrel:Endpoints:A:Url", "--Kestrel:Endpoints:A:Url=http://0.0.0.0:1")]
    public void Faults_FaultyFlag_NameIt(string expected, params string[] args) =>
        Assert.Contains(new CommandLine(args).Faults, fault => fault.Contains(expected, StringComparison.Ordinal));

    [Theory]
    [InlineData("--Service:MaxSlots")]
    [InlineData("--Service:MaxSlots", "--check-config")]
    public void Constructor_SettingWithoutValue_IsRefused(params string[] args) =>
        Assert.Contains("--Service:MaxSlots", Assert.Throws<UsageException>(() => new CommandLine(args)).Message);

    [Fact]
    public void Constructor_FlagsAndSettings_TakesThemApart()
    {
        var line = new CommandLine(["--urls", "a", "--check-config", "--Service:MaxSlots", "4", "--http-urls=c", "--new-key=d", "--service:x=y"]);

        Assert.Equal(("a", "c", "d", true), (line.Urls, line.HttpUrls, line.NewKey, line.CheckConfig));
        Assert.Equal(["--Service:MaxSlots=4", "--service:x=y"], line.Settings);
    }
}
