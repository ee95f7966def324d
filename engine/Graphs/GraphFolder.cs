using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rudder.Checkpoints;

namespace Rudder.Engine.Graphs;

/// <summary>The <c>onnx</c> folder of a model: which graphs it has, and proof that they are whole and belong to the model beside them.</summary>
internal sealed class GraphFolder
{
    private const int BufferBytes = 1 << 17;

    private readonly ExportRecord _record;
    private readonly HashSet<string> _verified = [];
    private readonly CancellationToken _cancellation;

    private GraphFolder(string modelFolder, string path, ExportRecord record, CancellationToken cancellation)
    {
        (ModelFolder, Path, _record, _cancellation) = (modelFolder, path, record, cancellation);
    }

    /// <summary>The model folder.</summary>
    public string ModelFolder { get; }

    /// <summary>The folder of the graphs.</summary>
    public string Path { get; }

    /// <summary>SHA-256 over the model's weights, config and tokenizer, hex.</summary>
    public string Fingerprint => _record.Fingerprint;

    /// <summary>Opens a model's graphs.</summary>
    /// <param name="modelFolder">The model.</param>
    /// <param name="cancellation">Ends the hashing of files, here and in later calls.</param>
    /// <exception cref="RequestFault">There is no export, or it was made from other weights.</exception>
    public static GraphFolder Open(string modelFolder, CancellationToken cancellation = default)
    {
        string path = System.IO.Path.Combine(modelFolder, "onnx");
        var record = ReadRecord(System.IO.Path.Combine(path, "export.json"));
        string actual = Checkpoints.Fingerprint.OfFolder(modelFolder, cancellation);
        return record.Fingerprint == actual
            ? new GraphFolder(modelFolder, path, record, cancellation)
            : throw RequestFault.Unusable(
                $"{path} was exported from a model of fingerprint {record.Fingerprint}; {modelFolder} now has {actual}. Export it again: trainer export --model {modelFolder}");
    }

    /// <summary>File name of a graph in a precision: <c>decoder.onnx</c>, <c>decoder.int8.onnx</c>.</summary>
    public static string FileName(string graph, GraphPrecision precision) => precision == GraphPrecision.Fp32
        ? $"{graph}.onnx"
        : $"{graph}.{precision.ToString().ToLowerInvariant()}.onnx";

    /// <summary>The path of a graph, once its hash and those of all weight files are as the export wrote them.</summary>
    /// <exception cref="RequestFault">The graph or its weights are missing or damaged.</exception>
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
    /// <exception cref="RequestFault">The graph or its weights are missing or damaged.</exception>
    public byte[] ReadVerified(string graph)
    {
        byte[] content = [];
        Verify(graph, Entry(graph).Sha256, file => SHA256.HashData(content = File.ReadAllBytes(file)));
        VerifyWeights();
        return content;
    }

    /// <summary>Whether a file's hash is known, so that its content is checked before a graph is opened that names it.</summary>
    public bool HasWeights(string name) => _record.Weights.ContainsKey(name);

    /// <summary>Where the content of a file beside the graphs lies: links are followed, as in a download cache.</summary>
    /// <param name="name">The file.</param>
    public string RealPath(string name)
    {
        string file = System.IO.Path.Combine(Path, name);
        return File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? System.IO.Path.GetFullPath(file);
    }

    private ExportedFile Entry(string graph) => _record.Graphs.TryGetValue(graph, out var entry)
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
            throw RequestFault.Unusable($"{file} is missing, though export.json lists it. Export the model again: trainer export.");
        }

        string actual;
        try
        {
            actual = Convert.ToHexStringLower(hash(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw RequestFault.Unusable($"{file} cannot be read: {e.Message} Make it readable for the service's user, or export the model again: trainer export.", e);
        }

        if (actual != expected.ToLowerInvariant())
        {
            throw RequestFault.Unusable($"{file} is damaged or from another export: its SHA-256 is {actual}, export.json says {expected}. Export the model again: trainer export.");
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

    private static ExportRecord ReadRecord(string path)
    {
        if (!File.Exists(path))
        {
            throw RequestFault.Unusable($"{path} is missing: the model has no accepted ONNX export. Make one: trainer export.");
        }

        try
        {
            var record = JsonSerializer.Deserialize(File.ReadAllText(path), ExportRecordJson.Default.ExportRecord);
            return IsWhole(record) ? record : throw new JsonException("it holds null where a fingerprint, a file or its hash belongs.");
        }
        catch (JsonException e)
        {
            throw RequestFault.Unusable($"{path} cannot be read: {e.Message} Export the model again: trainer export.", e);
        }
    }

    // The reader checks that the keys are there, not what they hold.
    private static bool IsWhole([NotNullWhen(true)] ExportRecord? record) =>
        record is { Fingerprint: not null, Graphs: not null, Weights: not null }
        && record.Graphs.Values.Concat(record.Weights.Values).All(file => file?.Sha256 is not null);
}

/// <summary>What <c>export.json</c> says that loading needs.</summary>
/// <param name="Fingerprint">Of the model folder exported.</param>
/// <param name="Graphs">By file name.</param>
/// <param name="Weights">External weight files, by file name.</param>
internal sealed record ExportRecord(
    [property: JsonRequired] string Fingerprint,
    [property: JsonRequired] IReadOnlyDictionary<string, ExportedFile> Graphs,
    [property: JsonRequired] IReadOnlyDictionary<string, ExportedFile> Weights);

/// <summary>One file of an export.</summary>
/// <param name="Sha256">Hex.</param>
internal sealed record ExportedFile([property: JsonRequired] string Sha256);

/// <summary>How export.json is read; the exporter's quality figures in it are not needed here.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ExportRecord))]
internal sealed partial class ExportRecordJson : JsonSerializerContext;
