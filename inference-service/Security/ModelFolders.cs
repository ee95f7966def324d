using Rudder.Checkpoints;
using Rudder.Engine;

namespace Rudder.InferenceService.Security;

/// <summary>Resolves the paths of calls to folders inside the model roots. Follows symbolic links before it checks.</summary>
internal sealed class ModelFolders(IEnumerable<string> roots)
{
    private const int MaxLinks = 40;
    private const int MaxLength = 4096;
    private static readonly char[] Separators = [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar];
    private static readonly StringComparison Comparison = OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
    private readonly string[] _roots = [.. roots.Select(Path.GetFullPath)];

    /// <summary>The real folder behind a path.</summary>
    /// <param name="path">Absolute, or relative to the first model root.</param>
    /// <exception cref="RequestFault">It leads out of the roots, or the folder does not exist.</exception>
    public string Resolve(string path)
    {
        if (path.Contains('\0'))
        {
            throw new RequestFault("path", "holds a NUL character", "it takes a folder inside one of the service's model roots", "");
        }

        string real = RealPath(Path.GetFullPath(path, _roots[0]));
        var realRoots = _roots.Select(root => RealPath(root)).ToList();
        if (!IsInside(real, realRoots))
        {
            throw Outside();
        }

        if (!Directory.Exists(real))
        {
            throw new RequestFault("path", "names no folder inside the service's model roots", "Service:ModelRoots lists them", "", FaultKind.NotFound);
        }

        RequireFilesInside(real, realRoots);
        return real;
    }

    /// <summary>The source for a folder that a caller names. Its place is checked again during the load.</summary>
    /// <param name="name">Name of the model.</param>
    /// <param name="path">Absolute, or relative to the first model root.</param>
    /// <param name="engine">The engine that decodes it.</param>
    /// <param name="precision">Precision of the graphs to load.</param>
    /// <exception cref="RequestFault">The path leads out of the roots, or the folder does not exist.</exception>
    public ModelSource Source(string name, string path, EngineKind engine, GraphPrecision precision)
    {
        if (path.Length is 0 or > MaxLength)
        {
            throw new RequestFault(
                "path", $"has {path.Length} characters", $"it takes 1 to {MaxLength}", "Name a model folder inside the service's model roots.");
        }

        string folder = Resolve(path);
        return new ModelSource(name, folder, engine, precision) { RequireInPlace = () => RequireInPlace(folder) };
    }

    private void RequireInPlace(string folder)
    {
        try
        {
            if (Resolve(folder) == folder)
            {
                return;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable($"{folder} cannot be read: {e.Message}", "Load the model again once its folder is complete and readable.", e);
        }

        throw Unusable($"{folder} was replaced by a link while the model was being loaded", "Load the model again by the path of the folder.");
    }

    private static RequestFault Unusable(string value, string remedy, Exception? inner = null) =>
        new("", value, "", remedy, FaultKind.ModelUnusable, inner);

    // Files may be links, as in a download cache, and so may subfolders. Each folder is visited once, however many links lead to it.
    private static void RequireFilesInside(string folder, List<string> realRoots)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal) { folder };
        var waiting = new Queue<string>([folder]);
        while (waiting.TryDequeue(out string? current))
        {
            foreach (string entry in Directory.EnumerateFileSystemEntries(current))
            {
                bool isLink = new FileInfo(entry).LinkTarget is not null;
                string real = isLink ? RealPath(entry) : entry;
                if (isLink && !IsInside(real, realRoots))
                {
                    throw Outside(Path.GetRelativePath(folder, entry));
                }

                if (new FileInfo(real) is { Exists: true, Length: 0 } && !Path.GetFileName(entry).StartsWith('.'))
                {
                    // Pipes, sockets and devices have length 0, and reading one may never end.
                    throw new RequestFault(
                        "path",
                        $"holds '{Path.GetRelativePath(folder, entry)}', which is empty or not a regular file",
                        "a model folder holds folders and files with content",
                        "Take it out.");
                }

                if (Directory.Exists(real) && seen.Add(real))
                {
                    waiting.Enqueue(real);
                }
            }
        }
    }

    private static RequestFault Outside(string? entry = null) => new(
        "path",
        $"{(entry is null ? "" : $"holds '{entry}', which ")}leads out of the service's model roots",
        "",
        "The operator can add a root with Service:ModelRoots.");

    private static bool IsInside(string real, IEnumerable<string> realRoots) => realRoots.Any(root =>
        real.Equals(root, Comparison)
        || real.StartsWith(Path.EndsInDirectorySeparator(root) ? root : root + Path.DirectorySeparatorChar, Comparison));

    private static string RealPath(string path, int links = 0)
    {
        if (links > MaxLinks)
        {
            throw new RequestFault("path", "holds a loop of symbolic links", "", "");
        }

        string root = Path.GetPathRoot(path)!, current = root;
        string[] parts = path[root.Length..].Split(Separators, StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts[i] is "." or "..")
            {
                // Occurs only in the target of a link. There '..' is the parent of the resolved folder, as the operating system reads it.
                current = parts[i] == "." ? current : Path.GetDirectoryName(current) ?? root;
                continue;
            }

            string next = Path.Combine(current, parts[i]);
            if (new FileInfo(next).LinkTarget is { } target)
            {
                return RealPath(Path.Combine([current, target, .. parts[(i + 1)..]]), links + 1);
            }

            current = next;
        }

        return current;
    }
}
