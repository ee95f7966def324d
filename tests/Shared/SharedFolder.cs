namespace Rudder.Tests;

/// <summary>Finds the optional <c>shared</c> folder (data sets, fixtures) beside a checkout. Tests that need it skip if it is absent.</summary>
internal static class SharedFolder
{
    /// <summary>The checkout's root: the nearest folder above the test assembly that holds Services.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Returns a path below <c>../shared</c>. If it is absent, the calling test skips and names it.</summary>
    /// <param name="parts">Path segments, e.g. <c>"fixtures", "tiny-gpt2"</c>.</param>
    public static string Require(params string[] parts)
    {
        string path = Path.Combine([Path.GetFullPath(Path.Combine(Root, "..", "shared")), .. parts]);
        Assert.SkipUnless(File.Exists(path) || Directory.Exists(path), $"needs {Path.Combine(["../shared", .. parts])}, which is absent");
        return path;
    }

    private static string FindRoot()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder.TrimEnd('/')))
        {
            if (File.Exists(Path.Combine(folder, "Services.sln")))
            {
                return folder;
            }
        }

        throw new InvalidOperationException($"Services.sln is not above {AppContext.BaseDirectory}. Run the tests from a checkout.");
    }
}
