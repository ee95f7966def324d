using System.IO.Compression;
using System.Text;

namespace Rudder.Datasets.Tests;

/// <summary>A folder of its own for a test with files of given content, gone afterwards.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("rudder-datasets-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a file, packed where its name ends in .gz.</summary>
    public string Write(string name, string content) => Write(name, Encoding.UTF8.GetBytes(content));

    public string Write(string name, byte[] content)
    {
        string path = File(name);
        using Stream file = System.IO.File.Create(path);
        using Stream target = name.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionLevel.Fastest) : file;
        target.Write(content);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
