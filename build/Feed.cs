using System.Xml.Linq;

namespace Rudder.Build;

/// <summary>Finds out whether the package feed is whole, once, and writes the answer where every project reads it.</summary>
internal static class Feed
{
    private const string ProbePackage = "TorchSharp";

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

        return output.Contains("NU1101", StringComparison.Ordinal) || output.Contains("NU1102", StringComparison.Ordinal)
            ? "restricted"
            : throw new BuildException($"The package feed could not be asked for {ProbePackage}: {LastLine(output)} Check the network and 'dotnet nuget list source', or pass --feed.");
    }

    private static string? ReadKnown() => File.Exists(PropsPath) ? XDocument.Load(PropsPath).Descendants("Feed").FirstOrDefault()?.Value : null;

    private static string Probe()
    {
        string version = XDocument.Load(Checkout.PathOf("Directory.Packages.props")).Descendants("PackageVersion")
            .Single(package => (string?)package.Attribute("Include") == ProbePackage).Attribute("Version")!.Value;
        var folder = Directory.CreateTempSubdirectory("feed-probe-");
        try
        {
            string project = Path.Combine(folder.FullName, "probe.csproj");
            File.WriteAllText(project, $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
                  <ItemGroup><PackageReference Include="{ProbePackage}" Version="{version}" /></ItemGroup>
                </Project>
                """);
            Console.WriteLine($"Asking the package feed for {ProbePackage} {version} ...");
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
