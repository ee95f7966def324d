using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Tests.Settings;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--urls", "http://127.0.0.1:0")]
    [InlineData("--urls=http://127.0.0.1:0")]
    [InlineData("--Service:MaxSlots=4", "--Logging:LogLevel:Default", "Debug")]
    [InlineData("--Service:DrainSeconds", "-1")]
    [InlineData("--http-urls", "http://127.0.0.1:0;https://127.0.0.1:0")]
    [InlineData("--check-config", "--Service:MaxSlots=4")]
    [InlineData("--new-key", "team-a")]
    public void Check_KnownFlags_Passes(params string[] args) => CommandLine.Check(args);

    [Theory]
    [InlineData("'serve' is no flag", "serve")]
    [InlineData("--port does not exist", "--port", "1")]
    [InlineData("--Srevice:MaxSlots does not exist", "--Srevice:MaxSlots=4")]
    [InlineData("--Service: does not exist", "--Service:=4")]
    [InlineData("--urls has no value", "--urls")]
    [InlineData("--new-key has no value", "--new-key", "--check-config")]
    [InlineData("--check-config does not exist", "--check-config=yes")]
    [InlineData("'more' is no flag", "--new-key", "team-a", "more")]
    [InlineData("--urls has no value", "--urls", "--Service:MaxSlots=4")]
    [InlineData("--Kestrel:Endpoints:A:Url does not exist", "--Kestrel:Endpoints:A:Url=http://0.0.0.0:1")]
    public void Check_Fault_IsNamed(string expected, params string[] args)
    {
        var fault = Assert.Throws<UsageException>(() => CommandLine.Check(args));

        Assert.Contains(expected, fault.Message);
    }

    [Fact]
    public void Parse_Flags_AreTakenApart()
    {
        var line = CommandLine.Parse(["--urls", "a", "--URLS=b", "--check-config", "--Service:MaxSlots", "4", "--http-urls=c", "--new-key=d"]);

        Assert.Equal(("b", "d", true), (line.Urls, line.NewKey, line.CheckConfig));
        Assert.Equal(["--Service:MaxSlots=4", "--http-urls=c"], line.Settings);
        Assert.Empty(line.Faults);
    }
}
