using System.Security.Cryptography;
using Rudder.Checkpoints;
using Rudder.Engine.Kernels;

namespace Rudder.Engine.Graphs;

/// <summary>The <c>onnx</c> folder of a model: lists its graphs, and verifies that they are intact and belong to the model.</summary>
internal sealed class GraphFolder
{
    private const int BufferBytes = 1 << 17;

    private readonly ExportReport _record;
    private readonly HashSet<string> _verified = [];
    private readonly CancellationToken _cancellation;

    /// <summary>Takes graphs that may lie outside their model, and whose report may not be written yet.</summary>
    /// <param name="modelFolder">The model.</param>
    /// <param name="path">The folder of the graphs.</param>
    /// <param name="record">Their hashes.</param>
    /// <param name="cancellation">Ends the hashing of files.</param>
    public GraphFolder(string modelFolder, string path, ExportReport record, CancellationToken cancellation = default)
    {
        (ModelFolder, Path, _record, _cancellation) = (modelFolder, path, record, cancellation);
    }

    /// <summary>The model folder.</summary>
    public string ModelFolder { get; }

    /// <summary>The folder with the graphs.</summary>
    public string Path { get; }

    /// <summary>Whether the graphs run as other programs run them, without this program's operators. Default false.</summary>
    public bool AsWritten { get; init; }

    /// <summary>Weights that the sessions of these graphs share.</summary>
    public PackedWeights Weights { get; init; } = new();

    /// <summary>SHA-256 over the model's weights, config and tokenizer, hex.</summary>
    public string Fingerprint => _record.Fingerprint;

    /// <summary>Opens a model's graphs.</summary>
    /// <param name="modelFolder">The model.</param>
    /// <param name="cancellation">Cancels the hashing of files, here and in later calls.</param>
    /// <param name="replaceable">Whether the weights are to be replaced later; the graphs must be fp32.</param>
    /// <exception cref="CheckpointException">There is no export, or it is damaged.</exception>
    /// <exception cref="RequestFault">The graphs were exported from other weights.</exception>
    public static GraphFolder Open(string modelFolder, CancellationToken cancellation = default, bool replaceable = false)
    {
        string path = System.IO.Path.Combine(modelFolder, GraphFiles.Folder);
        var record = ExportReport.Read(path);
        string actual = Checkpoints.Fingerprint.OfFolder(modelFolder, cancellation);
        return record.Fingerprint == actual
            ? new GraphFolder(modelFolder, path, record, cancellation) { Weights = new PackedWeights(replaceable) }
            : throw RequestFault.Unusable(
                $"{path} was exported from a model of fingerprint {record.Fingerprint}",
                $"{modelFolder} now has {actual}",
                $"Export it again: trainer export --model {modelFolder}");
    }

    /// <summary>Reads the content of a graph, and checks the hash of these bytes and of all weight files.</summary>
    /// <exception cref="RequestFault">The graph or its weights are missing or damaged.</exception>
    public byte[] ReadVerified(string graph)
    {
        byte[] content = [];
        Verify(graph, Entry(graph).Sha256, file => SHA256.HashData(content = GraphFiles.Read(file)));
        VerifyWeights();
        return content;
    }

    /// <summary>Whether the export lists a hash for a file, so that the file is checked before a graph that names it opens.</summary>
    public bool HasWeights(string name) => _record.Weights.ContainsKey(name);

    /// <summary>The real path of a file in the folder; follows links, as in a download cache.</summary>
    /// <param name="name">The file.</param>
    public string RealPath(string name)
    {
        string file = System.IO.Path.Combine(Path, name);
        return File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? System.IO.Path.GetFullPath(file);
    }

    private GraphReport Entry(string graph) => _record.Graphs.TryGetValue(graph, out var entry)
        ? entry
        : throw RequestFault.Unusable($"{Path} has no {graph}; it has {string.Join(", ", _record.Graphs.Keys.Order())}. Export it: trainer export.");

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
            throw RequestFault.Unusable($"{file} is missing, though {ExportReport.FileName} lists it", "", "Export the model again: trainer export.");
        }

        string actual;
        try
        {
            actual = Convert.ToHexStringLower(hash(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw RequestFault.Unusable(
                $"{file} cannot be read: {e.Message}",
                "",
                "Make it readable for the service's user, or export the model again: trainer export.",
                e);
        }

        if (actual != expected.ToLowerInvariant())
        {
            throw RequestFault.Unusable(
                $"{file} is damaged or from another export: its SHA-256 is {actual}, {ExportReport.FileName} says {expected}",
                "",
                "Export the model again: trainer export.");
        }

        _verified.Add(name);
    }

    private byte[] HashOf(string file)
    {
        using var stream = File.OpenRead(file);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[BufferBytes];
        for (int read = stream.Read(buffer); read > 0; read = stream.Read(buffer))
        {
            _cancellation.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, read);
        }

        return hash.GetHashAndReset();
    }
}
