using System.Security.Cryptography;
using Rudder.Checkpoints;

namespace Rudder.Engine.Graphs;

/// <summary>The <c>onnx</c> folder of a model: which graphs it has, and proof that they are whole and belong to the model beside them.</summary>
internal sealed class GraphFolder
{
    private readonly ExportReport _record;
    private readonly HashSet<string> _verified = [];
    private readonly UnchangedFiles _files = new();

    private readonly Action? _requireInPlace;

    private GraphFolder(string modelFolder, string path, ExportReport record, Action? requireInPlace)
    {
        (ModelFolder, Path, _record, _requireInPlace) = (modelFolder, path, record, requireInPlace);
    }

    /// <summary>The model folder.</summary>
    public string ModelFolder { get; }

    /// <summary>The folder of the graphs.</summary>
    public string Path { get; }

    /// <summary>SHA-256 over the model's weights, config and tokenizer, hex.</summary>
    public string Fingerprint => _record.Fingerprint;

    /// <summary>Opens a model's graphs.</summary>
    /// <param name="modelFolder">The model.</param>
    /// <param name="requireInPlace">Throws if the folder is no longer where it was allowed to be; asked whenever files of it have been read by their paths.</param>
    /// <exception cref="CheckpointException">There is no export, or it is damaged.</exception>
    /// <exception cref="ModelLoadException">It was made from other weights.</exception>
    public static GraphFolder Open(string modelFolder, Action? requireInPlace = null)
    {
        string path = System.IO.Path.Combine(modelFolder, GraphFiles.Folder);
        var record = ExportReport.Read(path);
        string actual = Checkpoints.Fingerprint.OfFolder(modelFolder);
        return record.Fingerprint == actual
            ? new GraphFolder(modelFolder, path, record, requireInPlace)
            : throw new ModelLoadException(
                $"{path} was exported from a model of fingerprint {record.Fingerprint}; {modelFolder} now has {actual}. Export it again: trainer export --model {modelFolder}");
    }

    /// <summary>The path of a graph, once its hash and those of all weight files are as the export wrote them. What opens it by this path calls <see cref="RequireUnchanged"/> afterwards.</summary>
    /// <exception cref="ModelLoadException">The graph or its weights are missing or damaged.</exception>
    public string Verified(string graph)
    {
        string expected = Entry(graph).Sha256;
        if (!_verified.Contains(graph))
        {
            Verify(graph, expected, HashOf);
        }

        VerifyWeights();
        return System.IO.Path.Combine(Path, graph);
    }

    /// <summary>The content of a graph: these very bytes have the hash that the export wrote, as have all weight files.</summary>
    /// <exception cref="ModelLoadException">The graph or its weights are missing or damaged.</exception>
    public byte[] ReadVerified(string graph)
    {
        byte[] content = [];
        Verify(graph, Entry(graph).Sha256, file => SHA256.HashData(content = GraphFiles.Read(file)));
        VerifyWeights();
        return content;
    }

    /// <summary>Whether a file's hash is known, so that its content is checked before a graph is opened that names it.</summary>
    public bool HasWeights(string name) => _record.Weights.ContainsKey(name);

    /// <summary>Has <see cref="RequireUnchanged"/> watch a file whose hash the export does not know, from now on; nothing where it is missing.</summary>
    /// <param name="name">Beside the graphs.</param>
    public void Watch(string name)
    {
        string file = System.IO.Path.Combine(Path, name);
        if (File.Exists(file))
        {
            _files.Note(file);
        }
    }

    /// <summary>Called when a session is open: ONNX Runtime and GenAI read files by their paths, after those were hashed.</summary>
    /// <exception cref="ModelLoadException">A file that was verified has been changed or replaced since.</exception>
    public void RequireUnchanged()
    {
        _requireInPlace?.Invoke();
        _files.Require();
    }

    private GraphReport Entry(string graph) => _record.Graphs.TryGetValue(graph, out var entry)
        ? entry
        : throw new ModelLoadException($"{Path} has no {graph}; it has {string.Join(", ", _record.Graphs.Keys.Order())}. Export it: trainer export.");

    private void VerifyWeights()
    {
        foreach (var (name, weights) in _record.Weights.Where(pair => !_verified.Contains(pair.Key)))
        {
            Verify(name, weights.Sha256, HashOf);
        }
    }

    private void Verify(string name, string expected, Func<string, byte[]> hash)
    {
        string file = System.IO.Path.Combine(Path, name);
        if (System.IO.Path.GetFileName(name) != name || !File.Exists(file))
        {
            throw new ModelLoadException($"{file} is missing, though {ExportReport.FileName} lists it. Export the model again: trainer export.");
        }

        string actual;
        try
        {
            _files.Note(file);                               // before it is read: a change from then on shows
            actual = Convert.ToHexStringLower(hash(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException($"{file} cannot be read: {e.Message} Make it readable for the service's user, or export the model again: trainer export.", e);
        }

        if (actual != expected.ToLowerInvariant())
        {
            throw new ModelLoadException($"{file} is damaged or from another export: its SHA-256 is {actual}, {ExportReport.FileName} says {expected}. Export the model again: trainer export.");
        }

        _verified.Add(name);
    }

    private static byte[] HashOf(string file)
    {
        using var stream = File.OpenRead(file);
        return SHA256.HashData(stream);
    }
}
