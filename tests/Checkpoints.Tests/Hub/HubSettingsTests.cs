namespace Rudder.Checkpoints.Tests.Hub;

public sealed class HubSettingsTests
{
    [Theory]
    [InlineData("http://example.org")]
    [InlineData("ftp://127.0.0.1")]
    [InlineData("https://user:word@example.org")]
    [InlineData("example.org")]
    public void From_UnsafeEndpoint_IsRefused(string endpoint) =>
        Assert.Contains("HF_ENDPOINT", Assert.Throws<CheckpointException>(() => From(("HF_ENDPOINT", endpoint))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("https://example.org/mirror")]
    [InlineData("http://127.0.0.1:8080")]
    [InlineData("http://localhost:8080")]
    public void From_SafeEndpoint_IsTaken(string endpoint) => Assert.Equal(new Uri(endpoint), From(("HF_ENDPOINT", endpoint)).Endpoint);

    [Fact]
    public void From_HomeWithTokenFile_GivesCacheAndToken()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("token"), "hf_abc\n");
        HubSettings settings = From(("HF_HOME", folder.Path));
        Assert.Equal((folder.File("hub"), "hf_abc"), (settings.Cache, settings.Token));
        Assert.Equal("hf_x", From(("HF_HOME", folder.Path), ("HF_TOKEN", "hf_x")).Token);
    }

    [Fact]
    public void From_TokenWithLineBreakInside_IsRefused() => Assert.Throws<CheckpointException>(() => From(("HF_TOKEN", "hf_a\nX-Other: b")));

    private static HubSettings From(params (string Name, string Value)[] variables)
    {
        Dictionary<string, string> known = variables.ToDictionary(variable => variable.Name, variable => variable.Value);
        known.TryAdd("HF_HOME", Path.Combine(Path.GetTempPath(), "no-such-folder"));
        return HubSettings.From(known.GetValueOrDefault);
    }
}
