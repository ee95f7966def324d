using System.Text.RegularExpressions;

namespace Rudder.Build.Tests;

/// <summary>
/// Native calls say on which systems they exist; the platform analyzer (CA1416, an error in this build) then demands a guard at every
/// call. What the analyzer cannot see, exports looked up by name and files of Linux's own, must stand beside a check of the system or of the file.
/// </summary>
public partial class NativeCallsTests
{
    // Libraries that NuGet packages bring for every platform.
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
    public void LinuxOnlySource_Text_StandsInAFileThatLooksFirst(string text)
    {
        var unguarded = Sources().Where(source => source.Text.Contains(text, StringComparison.Ordinal))
            .Where(source => !Guard().IsMatch(source.Text)).Select(source => source.Path);

        Assert.Empty(unguarded);
    }

    private static IEnumerable<(string Path, string Text)> Sources() => new[] { "checkpoints", "datasets", "files", "engine", "inference-service", "trainer", "client", "build", "samples" }
        .Select(folder => Checkout.PathOf(folder)).Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
        .Select(path => (Path.GetRelativePath(Checkout.Root, path), File.ReadAllText(path)));

    [GeneratedRegex(@"OperatingSystem\.Is|\b(File|Directory)\.Exists\(")]
    private static partial Regex Guard();

    // From the import to the end of its declaration.
    [GeneratedRegex(@"\[(?:DllImport|LibraryImport)\(""(?<library>[^""]+)""[^;]*;", RegexOptions.Singleline)]
    private static partial Regex Import();
}
