using System.Text;
using Rudder.InferenceService.Security;

namespace Rudder.InferenceService.Tests.Security;

public sealed class ApiKeysTests
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
        Assert.Equal(("team-a", 3, 500, false), (team!.Name, team.MaxConcurrentCalls, team.MaxTokensPerMinute, team.Admin));
        Assert.Equal(("operator", 0, 0, true), (admin!.Name, admin.MaxConcurrentCalls, admin.MaxTokensPerMinute, admin.Admin));
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
    [InlineData("[]", "$")]
    [InlineData("null", "$")]
    [InlineData("{ keys", "line 1")]
    [InlineData("""{ "keys": [ 5 ] }""", "$.keys[0]")]
    [InlineData("""{ "keys": [], "key": 1 }""", "$.key")]
    [InlineData("""{ "keys": [], "keys": [] }""", "$.keys")]
    [InlineData("""{ "keys": [ { "name": 5, "sha256": "00" } ] }""", "$.keys[0].name")]
    [InlineData("""{ "keys": [ { "limit": 5 } ] }""", "$.keys[0].limit")]
    [InlineData("""{ "keys": [ { "max_tokens_per_minute": 1.5 } ] }""", "$.keys[0].max_tokens_per_minute")]
    [InlineData("""{ "keys": [ { "admin": "yes" } ] }""", "$.keys[0].admin")]
    [InlineData("""{ "keys": [ { "name": "\ud800" } ] }""", "$.keys[0].name")]
    [InlineData("""{ "keys": [ { "name": "a" } ] }""", "$.keys[0]")]
    public void Parse_AnotherShape_NamesThePlace(string json, string place) =>
        Assert.Contains(place, Assert.Throws<SecurityFileException>(() => Parse(json)).Message);

    [Theory]
    [InlineData("""{ "keys": [] }""", "keys is empty")]
    [InlineData("""{ "keys": [ { "name": "a", "sha256": "00" } ] }""", "keys[0].sha256")]
    [InlineData("""{ "keys": [ { "name": "a b", "sha256": "00" } ] }""", "keys[0].name")]
    [InlineData("""{ "keys": [ { "name": "a", "sha256": "00", "max_concurrent_calls": -1 } ] }""", "keys[0].max_concurrent_calls")]
    public void Parse_Fault_IsNamed(string json, string expected) => Assert.Contains(expected, Assert.Throws<SecurityFileException>(() => Parse(json)).Message);

    [Fact]
    public void Parse_InvalidUtf8_IsAFaultLikeAnyOther()
    {
        byte[] latin = Encoding.Latin1.GetBytes(KeysFile.Json(KeysFile.Entry("J\u00f6rg", "one")));

        Assert.Contains("$.keys[0].name", Assert.Throws<SecurityFileException>(() => ApiKeys.Parse("keys.json", latin)).Message);
    }

    [Fact]
    public void Parse_SeveralFaults_ListsEach()
    {
        string json = $$"""
            { "keys": [
                { "name": "a", "sha256": "{{Zeros}}" },
                { "name": "a", "sha256": "{{Zeros}}", "max_tokens_per_minute": -5 },
                { "name": "b", "sha256": "xyz" } ] }
            """;

        string[] faults = Assert.Throws<SecurityFileException>(() => Parse(json)).Message.Split('\n');

        Assert.Equal(4, faults.Length);
        foreach (string property in new[] { "keys[1].name", "keys[1].sha256", "keys[1].max_tokens_per_minute", "keys[2].sha256" })
        {
            Assert.Contains(faults, fault => fault.Contains(property, StringComparison.Ordinal));
        }
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
        Assert.Equal("team-a", Parse(KeysFile.Json(lines[1])).Find(lines[0])?.Name);
        Assert.DoesNotContain(lines[0], lines[1]);
        Assert.NotEqual(output.ToString(), again.ToString());
    }

    private static ApiKeys Parse(string json) => ApiKeys.Parse("keys.json", Encoding.UTF8.GetBytes(json));
}
