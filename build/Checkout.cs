namespace Rudder.Build;

/// <summary>Locates files of the checkout, whatever the current folder is.</summary>
internal static class Checkout
{
    /// <summary>The folder of Services.sln.</summary>
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    /// <summary>Configuration of the running build, as it appears in output paths: <c>debug</c> or <c>release</c>.</summary>
    public static string Configuration { get; } = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    /// <summary>A path below the root.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>The built assembly of a project, e.g. <c>Client</c> and <c>client</c>.</summary>
    public static string Binary(string project, string assembly) => PathOf("artifacts", "bin", project, Configuration, assembly + ".dll");

    private static string FindRoot(string start)
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Services.sln")))
            {
                return folder.FullName;
            }
        }

        throw new BuildException($"No Services.sln in {start} or above it; run build.sh of a whole checkout.");
    }
}
