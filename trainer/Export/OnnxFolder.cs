using System.Security.Cryptography;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Export;

/// <summary>
/// The folder of the graphs. It is written under a temporary name beside the final one and renamed once everything in it is
/// accepted. Disposing it before that deletes its files.
/// </summary>
internal sealed class OnnxFolder : IDisposable
{
    private readonly string final;
    private readonly string replaced;
    private bool published;

    /// <summary>Starts a folder. Removes leftovers of an interrupted export.</summary>
    /// <param name="final">The final folder of the graphs.</param>
    public OnnxFolder(string final)
    {
        this.final = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(final));
        string parent = System.IO.Path.GetDirectoryName(this.final) ?? throw new BadInputException($"'{final}' cannot hold graphs; name a folder below it.");
        string name = System.IO.Path.GetFileName(this.final);
        Path = System.IO.Path.Combine(parent, $".{name}.partial");
        replaced = System.IO.Path.Combine(parent, $".{name}.replaced");
        if (Directory.Exists(replaced) && !Directory.Exists(this.final))
        {
            Directory.Move(replaced, this.final);       // an export was killed between the two renames of Publish
        }

        RequireReplaceable();
        Delete(Path);
        Directory.CreateDirectory(Path);
    }

    /// <summary>The temporary folder to write to.</summary>
    public string Path { get; }

    /// <summary>Path of a file to write.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>SHA-256 of a file written, in lower-case hexadecimal.</summary>
    public string Sha256(string name)
    {
        using FileStream stream = System.IO.File.OpenRead(File(name));
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    /// <summary>Renames the folder to its final name, replacing an older export as a whole.</summary>
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

    /// <summary>Deletes the folder unless it was published.</summary>
    public void Dispose()
    {
        if (!published)
        {
            Delete(Path);
        }
    }

    /// <summary>Requires that the final folder is an earlier export: publishing replaces it as a whole.</summary>
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
