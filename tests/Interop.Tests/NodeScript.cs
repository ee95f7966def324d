using System.Security.Cryptography;
using Rudder.Build;
using Rudder.Tests;

namespace Rudder.Interop.Tests;

/// <summary>Runs the scripts below <c>node/</c>. Their packages are pinned by the lock file and installed on first use.</summary>
internal static class NodeScript
{
    private static readonly string Sources = Path.Combine(SharedFolder.Root, "tests", "Interop.Tests", "node");
    private static readonly string Folder = Path.Combine(SharedFolder.Root, "artifacts", "npm", "interop");
    private static readonly Lazy<string?> Missing = new(Install);

    /// <summary>Runs a script to its end; the calling test skips, with the reason, where Node.js or the packages cannot be had.</summary>
    /// <param name="name">Its file.</param>
    /// <param name="arguments">Its arguments.</param>
    public static Task<ForeignClient> RunAsync(string name, params string[] arguments)
    {
        Assert.SkipWhen(Missing.Value is not null, Missing.Value ?? "");
        return ForeignClient.RunAsync("node", [Path.Combine(Folder, name), .. arguments]);
    }

    // The scripts lie beside their packages, where Node looks for them. Null: everything is there; otherwise the reason why not.
    private static string? Install()
    {
        if (Shell.Capture("npm", "--version") is null)
        {
            return "needs Node.js 20 or later with npm, which is not on PATH";
        }

        Directory.CreateDirectory(Folder);
        foreach (string file in Directory.GetFiles(Sources))
        {
            File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)), overwrite: true);
        }

        string stamp = Path.Combine(Folder, "installed.sha256");
        string wanted = Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(Sources, "package-lock.json"))));
        if (File.Exists(stamp) && File.ReadAllText(stamp) == wanted)
        {
            return null;
        }

        var (code, output) = Shell.Capture("npm", "ci", "--prefix", Folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")!.Value;
        if (code != 0)
        {
            return $"needs npm packages that 'npm ci' could not install (exit code {code}): {output}";
        }

        File.WriteAllText(stamp, wanted);
        return null;
    }
}
