namespace Rudder.InferenceService.Engines;

/// <summary>Files as they were before they were read, to be held against what they are once everything has been read: what was checked is then what was used.</summary>
internal sealed class UnchangedFiles
{
    private readonly Dictionary<string, FileStamp> _stamps = new(StringComparer.Ordinal);

    /// <summary>Notes the files that lie in a folder itself, as they are before they are read; none where there is no such folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="IOException">One cannot be looked at.</exception>
    public static UnchangedFiles In(string folder)
    {
        var files = new UnchangedFiles();
        foreach (string path in Directory.Exists(folder) ? Directory.GetFiles(folder).Where(IsThere) : [])
        {
            files.Note(path);
        }

        return files;
    }

    /// <summary>Notes a file as it is, before it is read.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">There is none, or it cannot be looked at.</exception>
    public void Note(string path) => _stamps[path] = FileStamp.Of(path);

    /// <summary>Refuses what has been read if a noted file is another by now.</summary>
    /// <exception cref="ModelLoadException">One is; names it.</exception>
    public void Require()
    {
        foreach (var (path, stamp) in _stamps)
        {
            if (IsOther(path, stamp))
            {
                throw new ModelLoadException($"{path} was changed or replaced while the model was being loaded, so what was loaded may not be what was checked. Load the model again once its folder is no longer written to.");
            }
        }
    }

    // Of a link the file itself counts, which may be missing.
    private static bool IsThere(string path) => File.ResolveLinkTarget(path, returnFinalTarget: true)?.Exists ?? true;

    private static bool IsOther(string path, FileStamp stamp)
    {
        try
        {
            return FileStamp.Of(path) != stamp;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
