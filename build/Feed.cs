using System.Xml.Linq;

namespace Rudder.Build;

/// <summary>Finds out whether the package feed is whole, once, and writes the answer where every project reads it.</summary>
/// <remarks>
/// It is whole when it has every package that a folder in shims/ stands for, in the very versions of Directory.Packages.props, with all
/// they need: a feed that has some of them, or later ones, would fail in the middle of the build.
/// </remarks>
internal static class Feed
{
    // Not there; not in that version; only before its release; another version was taken instead; two want different ones.
    private static readonly string[] MissingCodes = ["NU1101", "NU1102", "NU1103", "NU1603", "NU1605"];

    private static string PropsPath => Checkout.PathOf("artifacts", "feed.props");

    /// <summary>Settles the feed: the one asked for, else the one found before, else a probe.</summary>
    /// <param name="asked"><c>nuget</c>, <c>restricted</c> or null.</param>
    /// <returns><c>nuget</c> or <c>restricted</c>.</returns>
    public static string Settle(string? asked)
    {
        string? known = ReadKnown();
        string feed = asked ?? known ?? Probe();
        string how = asked is not null ? "as asked by --feed" : known is not null ? "settled by an earlier command; --feed overrides and stays" : "found by a restore probe; --feed overrides";
        string meaning = feed == "restricted" ? "engines missing from it come from shims/, Debian and npm" : "every package comes from it";
        Console.WriteLine($"Package feed: {feed} ({how}): {meaning}.");
        if (feed != known)
        {
            Write(feed);
        }

        return feed;
    }

    /// <summary>The feed that a restore's outcome shows.</summary>
    /// <exception cref="BuildException">The restore failed for another reason than a missing package.</exception>
    public static string Judge(int exitCode, string output)
    {
        if (exitCode == 0)
        {
            return "nuget";
        }

        return MissingCodes.Any(code => output.Contains(code, StringComparison.Ordinal))
            ? "restricted"
            : throw new BuildException($"The package feed could not be asked for the engines' packages: {LastLine(output)} Check the network and 'dotnet nuget list source', or pass --feed.");
    }

    private static string? ReadKnown() => File.Exists(PropsPath) ? XDocument.Load(PropsPath).Descendants("Feed").FirstOrDefault()?.Value : null;

    /// <summary>A project that needs the packages in question and nothing else, and takes no other version of any.</summary>
    /// <param name="packages">Names and versions.</param>
    public static string ProbeProject(IEnumerable<(string Name, string Version)> packages) => new XElement(
        "Project",
        new XAttribute("Sdk", "Microsoft.NET.Sdk"),
        new XElement("PropertyGroup", new XElement("TargetFramework", "net10.0"), new XElement("TreatWarningsAsErrors", "true")),
        new XElement("ItemGroup", packages.Select(package =>
            new XElement("PackageReference", new XAttribute("Include", package.Name), new XAttribute("Version", $"[{package.Version}]"))))).ToString();

    /// <summary>The packages that decide: those that shims/ has stand-ins for, and the messages' library, whose version all must agree on.</summary>
    public static IReadOnlyList<(string Name, string Version)> Decisive()
    {
        string[] shims = [.. Directory.EnumerateDirectories(Checkout.PathOf("shims")).Select(folder => Path.GetFileName(folder))];
        return [.. XDocument.Load(Checkout.PathOf("Directory.Packages.props")).Descendants("PackageVersion")
            .Select(package => (Name: package.Attribute("Include")!.Value, Version: package.Attribute("Version")!.Value))
            .Where(package => shims.Contains(package.Name) || package.Name == "Google.Protobuf")];
    }

    private static string Probe()
    {
        var packages = Decisive();
        var folder = Directory.CreateTempSubdirectory("feed-probe-");
        try
        {
            string project = Path.Combine(folder.FullName, "probe.csproj");
            File.WriteAllText(project, ProbeProject(packages));
            Console.WriteLine($"Asking the package feed for {string.Join(", ", packages.Select(package => $"{package.Name} {package.Version}"))} ...");
            var (code, output) = Shell.Capture("dotnet", "restore", project) ?? throw new BuildException("'dotnet' is not on PATH; install the .NET 10 SDK.");
            return Judge(code, output);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Write(string feed)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PropsPath)!);
        string temporary = PropsPath + ".tmp";
        File.WriteAllText(temporary, $"<Project><PropertyGroup><Feed Condition=\"'$(Feed)' == ''\">{feed}</Feed></PropertyGroup></Project>\n");
        File.Move(temporary, PropsPath, overwrite: true);
    }

    private static string LastLine(string output) => output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .LastOrDefault(line => line.Contains("error", StringComparison.OrdinalIgnoreCase)) ?? "no reason given.";
}
