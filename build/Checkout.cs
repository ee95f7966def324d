namespace Rudder.Build;

/// <summary>Finds files of the checkout from any current folder.</summary>
internal static class Checkout
{
    /// <summary>The folder that holds Services.sln.</summary>
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    /// <summary>Configuration of this program, as it appears in output paths: <c>debug</c> or <c>release</c>.</summary>
    public static string Configuration { get; } = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    /// <summary>Returns a path below the root.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>Returns the built assembly of a project, for example <c>Client</c> and <c>client</c>.</summary>
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

        throw new WorkFailedException($"Services.sln is neither in {start} nor above it. Run build.sh in a complete checkout.");
    }
}
