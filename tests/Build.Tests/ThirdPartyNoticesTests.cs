using System.Text.Json;

namespace Rudder.Build.Tests;

public class ThirdPartyNoticesTests
{
    [Theory]
    [InlineData("Trainer")]
    [InlineData("InferenceService")]
    [InlineData("Client")]
    public void Notices_PackagesThatAPublishShips_AreListed(string project)
    {
        string notices = File.ReadAllText(Checkout.PathOf("THIRD-PARTY-NOTICES.md"));

        var shipped = Shipped(project);

        Assert.NotEmpty(shipped);
        Assert.All(shipped.Where(package => !IsNativeLibtorch(package)), package => Assert.Contains($"| {package} |", notices, StringComparison.Ordinal));
    }

    // One package for each system; the page names that of Linux.
    private static bool IsNativeLibtorch(string package) => package.StartsWith("libtorch-cpu-", StringComparison.Ordinal);

    private static List<string> Shipped(string project)
    {
        using var assets = JsonDocument.Parse(File.ReadAllBytes(Checkout.PathOf("artifacts", "obj", project, "project.assets.json")));
        return [.. assets.RootElement.GetProperty("targets").EnumerateObject().Last().Value.EnumerateObject()
            .Where(library => library.Value.GetProperty("type").GetString() == "package" && HasFiles(library.Value))
            .Select(library => library.Name.Split('/')[0])];
    }

    private static bool HasFiles(JsonElement library) => new[] { "runtime", "native" }.Any(kind =>
        library.TryGetProperty(kind, out var files) && files.EnumerateObject().Any(file => !file.Name.EndsWith("_._", StringComparison.Ordinal)));
}
