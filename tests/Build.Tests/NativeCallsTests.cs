using System.Text.RegularExpressions;

namespace Rudder.Build.Tests;

/// <summary>
/// Native calls say on which systems they exist; the platform analyzer (CA1416, an error in this build) then demands a guard at every
/// call. What the analyzer cannot see, exports looked up by name and files of Linux's own, must stand closely after a check of the system or of the file.
/// </summary>
public partial class NativeCallsTests
{
    // Libraries that NuGet packages bring for every platform.
    private const int Near = 8; // lines between a check and a use in one method
    private static readonly string[] Shipped = ["onnxruntime", "onnxruntime-genai", "LibTorchSharp"];

    [Fact]
    public void NativeImports_OfTheSystemsLibraries_NameTheirPlatforms()
    {
        var imports = Sources().SelectMany(source => Import().Matches(source.Text).Select(match => (source.Path, Match: match)))
            .Where(import => !Shipped.Contains(import.Match.Groups["library"].Value)).ToList();

        Assert.NotEmpty(imports);
        Assert.Empty(imports.Where(import => !import.Match.Value.Contains("OSPlatform(", StringComparison.Ordinal)).Select(import => $"{import.Path}: {import.Match.Value}"));
    }

    [Theory]
    [InlineData("NativeLibrary.")]
    [InlineData("\"/proc/")]
    [InlineData("\"/sys/")]
    public void LinuxOnlySource_EveryUse_StandsCloselyAfterACheck(string text)
    {
        var uses = Sources().SelectMany(source => Uses(source.Text.Split('\n'), text).Select(use => (source.Path, use.Line, use.Guarded))).ToList();

        Assert.NotEmpty(uses);
        Assert.Empty(uses.Where(use => !use.Guarded).Select(use => $"{use.Path}:{use.Line}"));
    }

    [Theory]
    [InlineData("if (OperatingSystem.IsLinux())\n{\n    Read(\"/proc/maps\");\n}", true)]
    [InlineData("Read(\"/proc/maps\");\nif (OperatingSystem.IsLinux())\n{\n}", false)]
    [InlineData("const string Maps = \"/proc/maps\";\nRead(Maps);\nif (File.Exists(Maps))\n{\n}", false)]
    [InlineData("const string Maps = \"/proc/maps\";\nif (File.Exists(Maps))\n{\n    Read(Maps);\n}", true)]
    public void Uses_OfASystemFile_AreGuardedByWhatStandsBeforeThem(string source, bool guarded) =>
        Assert.Equal(guarded, Uses(source.Split('\n'), "\"/proc/").All(use => use.Guarded));

    /// <summary>The lines that use a text, through its constant where it has one, and whether a check stands on them or shortly before.</summary>
    private static IEnumerable<(int Line, bool Guarded)> Uses(string[] lines, string text)
    {
        string[] names = [.. lines.Where(line => line.Contains(text, StringComparison.Ordinal)).Select(line => Constant().Match(line)).Where(match => match.Success)
            .Select(match => match.Groups["name"].Value)];
        for (int i = 0; i < lines.Length; i++)
        {
            bool uses = lines[i].Contains(text, StringComparison.Ordinal) || Array.Exists(names, name => Regex.IsMatch(lines[i], $@"\b{name}\b"));
            if (uses && !Constant().IsMatch(lines[i]))
            {
                yield return (i + 1, lines[Math.Max(0, i - Near)..(i + 1)].Any(line => Guard().IsMatch(line)));
            }
        }
    }

    private static IEnumerable<(string Path, string Text)> Sources() => new[] { "checkpoints", "datasets", "files", "terminal", "engine", "inference-service", "trainer", "client", "build", "samples" }
        .Select(folder => Checkout.PathOf(folder)).Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
        .Select(path => (Path.GetRelativePath(Checkout.Root, path), File.ReadAllText(path)));

    [GeneratedRegex(@"\bconst string (?<name>\w+)")]
    private static partial Regex Constant();

    [GeneratedRegex(@"OperatingSystem\.Is|\b(File|Directory)\.Exists\(")]
    private static partial Regex Guard();

    // From the import to the end of its declaration.
    [GeneratedRegex(@"\[(?:DllImport|LibraryImport)\(""(?<library>[^""]+)""[^;]*;", RegexOptions.Singleline)]
    private static partial Regex Import();
}
