namespace Rudder.Engine.Graphs;

/// <summary>Files as they were before they were read, to be held against what they are once everything has been read: what was checked is then what was used.</summary>
internal sealed class UnchangedFiles
{
    private readonly Dictionary<string, FileStamp> _stamps = new(StringComparer.Ordinal);

    /// <summary>Notes the files of config and tokenizer that lie in a folder itself, as they are before they are read; none where there is no such folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="RequestFault">One cannot be looked at, or goes while it is looked for.</exception>
    public static UnchangedFiles In(string folder)
    {
        var files = new UnchangedFiles();
        try
        {
            foreach (string path in Directory.Exists(folder) ? Directory.GetFiles(folder).Where(IsSetting).Where(IsThere) : [])
            {
                files.Note(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw RequestFault.Unusable($"{folder} cannot be looked through: {e.Message} Load the model again once its folder is whole and readable.", e);
        }

        return files;
    }

    /// <summary>Notes a file as it is, before it is first read; what is noted already stays.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">There is none, or it cannot be looked at.</exception>
    public void Note(string path)
    {
        if (!_stamps.ContainsKey(path))
        {
            _stamps.Add(path, FileStamp.Of(path));
        }
    }

    /// <summary>Refuses what has been read if a noted file is another by now.</summary>
    /// <exception cref="RequestFault">One is; names it.</exception>
    public void Require()
    {
        foreach (var (path, stamp) in _stamps)
        {
            if (IsOther(path, stamp))
            {
                throw RequestFault.Unusable($"{path} was changed or replaced while the model was being loaded, so what was loaded may not be what was checked. Load the model again once its folder is no longer written to.");
            }
        }
    }

    private static bool IsSetting(string path) => Path.GetExtension(path) is ".json" or ".txt";

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
