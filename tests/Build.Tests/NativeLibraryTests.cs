using System.IO.Compression;
using System.Text.Json;

namespace Rudder.Build.Tests;

/// <summary>TorchSharp's native library: outputs get a changed copy, the package cache stays as it is (docs/adr/0001-weak-symbol-version.md).</summary>
public class NativeLibraryTests
{
    private const string Entry = "runtimes/linux-x64/native/libLibTorchSharp.so";

    [Fact]
    public void PackageCache_AfterABuild_HoldsThePackagesOwnFile()
    {
        var (cached, original) = Library();

        Assert.Equal(original, File.ReadAllBytes(cached));
    }

    [Fact]
    public void Output_AfterABuild_DiffersByTheWeakFlagOnly()
    {
        var (_, original) = Library();
        byte[] output = File.ReadAllBytes(Checkout.PathOf("artifacts", "bin", "Trainer", Checkout.Configuration, "libLibTorchSharp.so"));

        Assert.Equal(original.Length, output.Length);
        int at = Assert.Single(Enumerable.Range(0, output.Length), i => output[i] != original[i]);
        Assert.Equal((0, 2), (original[at], output[at])); // VER_FLG_WEAK
    }

    [Theory]
    [InlineData("not a library", "is not a 64-bit little-endian ELF library")]
    [InlineData("\u007fELF\u0002\u0001 and then nothing that a loader would understand, 64 bytes long or more", "is not a 64-bit little-endian ELF library")]
    public async Task Task_FileThatIsNoLibrary_FailsAndWritesNothing(string content, string message)
    {
        var folder = Directory.CreateTempSubdirectory("rudder-native-");
        try
        {
            string source = Path.Combine(folder.FullName, "source.so");
            string destination = Path.Combine(folder.FullName, "out", "destination.so");
            string project = Path.Combine(folder.FullName, "call.proj");
            await File.WriteAllTextAsync(source, content);
            await File.WriteAllTextAsync(project, $"""
                <Project>
                  <Import Project="{Checkout.PathOf("build", "NativeLibraries.targets")}" />
                  <Target Name="Call"><WeakenSymbolVersion Source="{source}" Destination="{destination}" Version="GLIBCXX_3.4.32" /></Target>
                </Project>
                """);

            var (code, output) = Shell.Capture("dotnet", "msbuild", project, "-t:Call", "-nologo")!.Value;

            Assert.NotEqual(0, code);
            Assert.Contains(message, output, StringComparison.Ordinal);
            Assert.False(File.Exists(destination));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // The cached file and what the package that lies beside it holds.
    private static (string Cached, byte[] Original) Library()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.Is64BitProcess, "only Linux outputs hold the changed library");
        using var assets = JsonDocument.Parse(File.ReadAllBytes(Checkout.PathOf("artifacts", "obj", "Trainer", "project.assets.json")));
        string folder = assets.RootElement.GetProperty("packageFolders").EnumerateObject()
            .SelectMany(root => Directory.GetDirectories(Path.Combine(root.Name, "torchsharp"))).Single(path => File.Exists(Path.Combine(path, Entry)));
        using var package = ZipFile.OpenRead(Directory.GetFiles(folder, "*.nupkg").Single());
        using var stream = package.GetEntry(Entry)!.Open();
        using var original = new MemoryStream();
        stream.CopyTo(original);
        return (Path.Combine(folder, Entry), original.ToArray());
    }
}
