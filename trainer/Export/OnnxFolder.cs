using System.Security.Cryptography;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Export;

/// <summary>
/// The folder of the graphs, written under a temporary name beside the final one and renamed when everything in it is
/// accepted. Disposed without that, it takes what was written with it.
/// </summary>
internal sealed class OnnxFolder : IDisposable
{
    private readonly string final;
    private readonly string replaced;
    private bool published;

    /// <summary>Starts a folder, clearing what an interrupted export left.</summary>
    /// <param name="final">Where the graphs will lie.</param>
    public OnnxFolder(string final)
    {
        this.final = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(final));
        string parent = System.IO.Path.GetDirectoryName(this.final) ?? throw new BadInputException($"'{final}' cannot hold graphs; name a folder below it.");
        string name = System.IO.Path.GetFileName(this.final);
        Path = System.IO.Path.Combine(parent, $".{name}.partial");
        replaced = System.IO.Path.Combine(parent, $".{name}.replaced");
        if (Directory.Exists(replaced) && !Directory.Exists(this.final))
        {
            Directory.Move(replaced, this.final);       // killed between the two renames of Publish
        }

        RequireReplaceable();
        Delete(Path);
        Directory.CreateDirectory(Path);
    }

    /// <summary>Where to write.</summary>
    public string Path { get; }

    /// <summary>Path of a file to write.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>SHA-256 of a file written, in lower-case hexadecimal.</summary>
    public string Sha256(string name)
    {
        using FileStream stream = System.IO.File.OpenRead(File(name));
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    /// <summary>Puts the folder under its final name; an older one is replaced whole.</summary>
    public void Publish()
    {
        Delete(replaced);
        if (Directory.Exists(final))
        {
            Directory.Move(final, replaced);
        }

        Directory.Move(Path, final);
        published = true;
        Delete(replaced);
    }

    /// <summary>Deletes what was not published.</summary>
    public void Dispose()
    {
        if (!published)
        {
            Delete(Path);
        }
    }

    /// <summary>Publishing replaces the folder whole, so it must be an earlier export, never other files.</summary>
    private void RequireReplaceable()
    {
        bool foreign = System.IO.File.Exists(final)
            || (Directory.Exists(final)
                && Directory.EnumerateFileSystemEntries(final).Any()
                && !System.IO.File.Exists(System.IO.Path.Combine(final, ExportReport.FileName)));
        if (foreign)
        {
            throw new BadInputException(
                $"{final} is not an export of this program (it has no {ExportReport.FileName}), and exporting would replace it. Name a new folder with --output, or move it away.");
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
