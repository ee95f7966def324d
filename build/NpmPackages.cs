using System.Text.Json;

namespace Rudder.Build;

/// <summary>Says which npm packages the build is about to fetch; the projects that use them run npm themselves.</summary>
internal static class NpmPackages
{
    /// <summary>Prints every package.json whose packages are not there yet, with its stated purpose, and checks for npm.</summary>
    /// <param name="feed"><c>restricted</c> counts the shims' packages too.</param>
    /// <exception cref="BuildException">Something must be fetched and npm is missing.</exception>
    public static void Announce(string feed)
    {
        var missing = Manifests(feed).Where(path => !IsInstalled(path)).ToList();
        if (missing.Count == 0)
        {
            return;
        }

        if (Shell.Capture("npm", "--version") is null)
        {
            throw new BuildException("'npm' is not on PATH and the build fetches packages with it; install Node.js 20 or later.");
        }

        Console.WriteLine("Installing npm packages (pinned, without running their scripts):");
        missing.ForEach(path => Console.WriteLine("  " + Describe(path)));
    }

    private static IEnumerable<string> Manifests(string feed) => Directory
        .EnumerateFiles(Checkout.Root, "package.json", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 4 })
        .Where(path => !path.Contains("node_modules", StringComparison.Ordinal) && !path.Contains(Checkout.PathOf("artifacts"), StringComparison.Ordinal))
        .Where(path => feed == "restricted" || !path.Contains(Checkout.PathOf("shims"), StringComparison.Ordinal));

    // The shims install beside their manifest, the client below artifacts/npm/.
    private static bool IsInstalled(string path)
    {
        string below = Checkout.PathOf("artifacts", "npm");
        IEnumerable<string> places = [Path.GetDirectoryName(path)!, .. Directory.Exists(below) ? Directory.GetDirectories(below) : []];
        using var manifest = JsonDocument.Parse(File.ReadAllText(path));
        string[] packages = manifest.RootElement.TryGetProperty("dependencies", out var dependencies)
            ? [.. dependencies.EnumerateObject().Select(entry => entry.Name)]
            : [];
        return places.Any(place => packages.All(package => Directory.Exists(Path.Combine(place, "node_modules", package))));
    }

    private static string Describe(string path)
    {
        using var manifest = JsonDocument.Parse(File.ReadAllText(path));
        var root = manifest.RootElement;
        string packages = root.TryGetProperty("dependencies", out var dependencies)
            ? string.Join(", ", dependencies.EnumerateObject().Select(entry => $"{entry.Name} {entry.Value}"))
            : "nothing";
        string why = root.TryGetProperty("description", out var description) ? description.GetString()! : "for " + Path.GetRelativePath(Checkout.Root, path);
        return $"{packages}: {why}";
    }
}
