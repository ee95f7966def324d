namespace Rudder.Tests;

/// <summary>Finds the optional <c>shared</c> folder (data sets, fixtures) that lies beside a checkout; tests that need it skip without it.</summary>
internal static class SharedFolder
{
    /// <summary>The checkout's root: the nearest folder above the test assembly that holds Services.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Path below <c>../shared</c>; the calling test skips, saying so, where it is absent.</summary>
    /// <param name="parts">Path segments, e.g. <c>"fixtures", "tiny-gpt2"</c>.</param>
    public static string Require(params string[] parts)
    {
        string path = Path.Combine([Path.GetFullPath(Path.Combine(Root, "..", "shared")), .. parts]);
        Assert.SkipUnless(File.Exists(path) || Directory.Exists(path), $"needs {Path.Combine(["../shared", .. parts])}, which is not here");
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

        throw new InvalidOperationException($"No Services.sln above {AppContext.BaseDirectory}; run the tests from a checkout.");
    }
}
