using System.Text;
using Rudder.InferenceService.Security;

namespace Rudder.InferenceService.Tests.Security;

public sealed class ApiKeysFileTests
{
    private const string Zeros = "0000000000000000000000000000000000000000000000000000000000000000";

    [Fact]
    public void Parse_Entries_GivesOwnersLimitsAndRights()
    {
        var keys = Parse(KeysFile.Json(
            KeysFile.Entry("team-a", "one", """, "max_concurrent_calls": 3, "max_tokens_per_minute": 500"""),
            KeysFile.Entry("operator", "two", """, "admin": true""")));

        var team = keys.Find("one");
        var admin = keys.Find("two");
        Assert.Equal(("team-a", new CallerLimits(3, 500), false), (team!.Caller.Name, team.Caller.Limits, team.Admin));
        Assert.Equal(("operator", CallerLimits.None, true), (admin!.Caller.Name, admin.Caller.Limits, admin.Admin));
    }

    [Theory]
    [InlineData("three")]
    [InlineData("")]
    [InlineData("one ")]
    [InlineData("ONE")]
    public void Find_AnotherKey_IsNull(string presented) => Assert.Null(Parse(KeysFile.Json(KeysFile.Entry("a", "one"), KeysFile.Entry("b", "two"))).Find(presented));

    [Fact]
    public void Find_TheHashItself_IsNull() => Assert.Null(Parse(KeysFile.Json(KeysFile.Entry("a", "one"))).Find(KeysFile.Hash("one")));

    [Theory]
    [InlineData("[]", "a list \"keys\"")]
    [InlineData("""{ "keys": [] }""", "keys is empty")]
    [InlineData("""{ "keys": [ 5 ] }""", "keys[0] is no object")]
    [InlineData("""{ "keys": [], "key": 1 }""", "'key' is no property")]
    [InlineData("{ keys", "is no JSON")]
    [InlineData("""{ "keys": [], "keys": [] }""", "names a property twice")]
    [InlineData("""{ "keys": [ { "sha256": "00" } ] }""", "keys[0].name is missing")]
    [InlineData("""{ "keys": [ { "name": "a", "sha256": "00" } ] }""", "64 hexadecimal digits")]
    [InlineData("""{ "keys": [ { "name": "a b" } ] }""", "no name")]
    [InlineData("""{ "keys": [ { "name": 5 } ] }""", "keys[0].name is no text")]
    [InlineData("""{ "keys": [ { "limit": 5 } ] }""", "keys[0].limit is no property")]
    [InlineData("""{ "keys": [ { "max_concurrent_calls": -1 } ] }""", "keys[0].max_concurrent_calls must be a whole number")]
    [InlineData("""{ "keys": [ { "max_tokens_per_minute": 1.5 } ] }""", "keys[0].max_tokens_per_minute must be a whole number")]
    [InlineData("""{ "keys": [ { "admin": "yes" } ] }""", "keys[0].admin must be true or false")]
    public void Parse_Fault_IsNamed(string json, string expected) => Assert.Contains(expected, Assert.Throws<SecurityFileException>(() => Parse(json)).Message);

    [Fact]
    public void Parse_TextThatIsNoUnicode_IsAFaultLikeAnyOther()
    {
        byte[] latin = Encoding.Latin1.GetBytes(KeysFile.Json(KeysFile.Entry("J\u00f6rg", "one")));

        Assert.Contains("save it as UTF-8", Assert.Throws<SecurityFileException>(() => ApiKeysFile.Parse("keys.json", latin)).Message);
        Assert.Contains("save it as UTF-8", Assert.Throws<SecurityFileException>(() => Parse(KeysFile.Json(KeysFile.Entry("\\ud800", "one")))).Message);
    }

    [Fact]
    public void Parse_SeveralFaults_ListsEach()
    {
        string json = $$"""
            { "keys": [
                { "name": "a", "sha256": "{{Zeros}}", "colour": 1 },
                { "name": "a", "sha256": "{{Zeros}}" },
                { "name": "b", "sha256": "xyz", "admin": 1 } ] }
            """;

        string[] faults = Assert.Throws<SecurityFileException>(() => Parse(json)).Message.Split('\n');

        Assert.Equal(5, faults.Length);
        Assert.Contains(faults, fault => fault.Contains("keys[0].colour", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("keys[1].name 'a' stands there twice", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("keys[1].sha256 stands there twice", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("keys[2].sha256", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("keys[2].admin", StringComparison.Ordinal));
    }

    [Fact]
    public void NewKey_Printed_OpensTheServiceThatHoldsItsEntry()
    {
        using var output = new StringWriter();
        NewKey.Print("team-a", output);
        using var again = new StringWriter();
        NewKey.Print("team-a", again);

        string[] lines = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal(2, lines.Length);
        Assert.Equal("team-a", Parse(KeysFile.Json(lines[1])).Find(lines[0])?.Caller.Name);
        Assert.DoesNotContain(lines[0], lines[1]);
        Assert.NotEqual(output.ToString(), again.ToString());
    }

    private static ApiKeys Parse(string json) => ApiKeysFile.Parse("keys.json", Encoding.UTF8.GetBytes(json));
}
