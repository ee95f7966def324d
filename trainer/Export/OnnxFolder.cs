using Rudder.Checkpoints;

namespace Rudder.Trainer.Export;

/// <summary>
/// The folder of the graphs. It is written under a temporary name beside the final one and renamed once everything in it is
/// accepted. Disposing it before that deletes its files.
/// </summary>
internal sealed class OnnxFolder : IDisposable
{
    private readonly string _final;
    private readonly string _replaced;
    private bool _published;

    /// <summary>Starts a folder. Removes leftovers of an interrupted export.</summary>
    public OnnxFolder(string final)
    {
        _final = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(final));
        string parent = System.IO.Path.GetDirectoryName(_final) ?? throw new BadInputException($"'{final}' cannot hold graphs; name a folder below it.");
        string name = System.IO.Path.GetFileName(_final);
        Path = System.IO.Path.Combine(parent, $".{name}.partial");
        _replaced = System.IO.Path.Combine(parent, $".{name}.replaced");
        if (Directory.Exists(_replaced) && !Directory.Exists(_final))
        {
            Directory.Move(_replaced, _final);       // an export was killed between the two renames of Publish
        }

        RequireReplaceable();
        Delete(Path);
        Directory.CreateDirectory(Path);
    }

    /// <summary>The temporary folder to write to.</summary>
    public string Path { get; }

    /// <summary>Path of a file to write.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Renames the folder to its final name, replacing an older export as a whole.</summary>
    public void Publish()
    {
        Delete(_replaced);
        if (Directory.Exists(_final))
        {
            Directory.Move(_final, _replaced);
        }

        Directory.Move(Path, _final);
        _published = true;
        Delete(_replaced);
    }

    /// <summary>Deletes the folder unless it was published.</summary>
    public void Dispose()
    {
        if (!_published)
        {
            Delete(Path);
        }
    }

    /// <summary>Requires that the final folder is an earlier export: publishing replaces it as a whole.</summary>
    private void RequireReplaceable()
    {
        bool foreign = System.IO.File.Exists(_final)
            || (Directory.Exists(_final)
                && Directory.EnumerateFileSystemEntries(_final).Any()
                && !System.IO.File.Exists(System.IO.Path.Combine(_final, ExportReport.FileName)));
        if (foreign)
        {
            throw new BadInputException(
                $"{_final} is not an export of this program (it has no {ExportReport.FileName}), and exporting would replace it. Name a new folder with --output, or move it away.");
        }
    }

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
