using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rudder.Checkpoints;

namespace Rudder.InferenceService.Engines;

/// <summary>The <c>onnx</c> folder of a model: which graphs it has, and proof that they are whole and belong to the model beside them.</summary>
internal sealed class GraphFolder
{
    private readonly ExportRecord _record;
    private readonly HashSet<string> _verified = [];

    private GraphFolder(string modelFolder, string path, ExportRecord record)
    {
        ModelFolder = modelFolder;
        Path = path;
        _record = record;
    }

    /// <summary>The model folder.</summary>
    public string ModelFolder { get; }

    /// <summary>The folder of the graphs.</summary>
    public string Path { get; }

    /// <summary>SHA-256 over the model's weights, config and tokenizer, hex.</summary>
    public string Fingerprint => _record.Fingerprint;

    /// <summary>Opens a model's graphs.</summary>
    /// <exception cref="ModelLoadException">There is no export, or it was made from other weights.</exception>
    public static GraphFolder Open(string modelFolder)
    {
        string path = System.IO.Path.Combine(modelFolder, "onnx");
        var record = ReadRecord(System.IO.Path.Combine(path, "export.json"));
        string actual = Checkpoints.Fingerprint.OfFolder(modelFolder);
        return record.Fingerprint == actual
            ? new GraphFolder(modelFolder, path, record)
            : throw new ModelLoadException(
                $"{path} was exported from a model of fingerprint {record.Fingerprint}; {modelFolder} now has {actual}. Export it again: trainer export --model {modelFolder}");
    }

    /// <summary>File name of a graph in a precision: <c>decoder.onnx</c>, <c>decoder.int8.onnx</c>.</summary>
    public static string FileName(string graph, GraphPrecision precision) => precision == GraphPrecision.Fp32
        ? $"{graph}.onnx"
        : $"{graph}.{precision.ToString().ToLowerInvariant()}.onnx";

    /// <summary>The path of a graph, once its hash and those of all weight files are as the export wrote them.</summary>
    /// <exception cref="ModelLoadException">The graph or its weights are missing or damaged.</exception>
    public string Verified(string graph)
    {
        if (!_record.Graphs.TryGetValue(graph, out var entry))
        {
            throw new ModelLoadException($"{Path} has no {graph}; it has {string.Join(", ", _record.Graphs.Keys.Order())}. Export it: trainer export.");
        }

        Verify(graph, entry.Sha256);
        foreach (var (name, weights) in _record.Weights)
        {
            Verify(name, weights.Sha256);
        }

        return System.IO.Path.Combine(Path, graph);
    }

    private void Verify(string name, string expected)
    {
        if (_verified.Contains(name))
        {
            return;
        }

        string file = System.IO.Path.Combine(Path, name);
        if (System.IO.Path.GetFileName(name) != name || !File.Exists(file))
        {
            throw new ModelLoadException($"{file} is missing, though export.json lists it. Export the model again: trainer export.");
        }

        using var stream = File.OpenRead(file);
        string actual = Convert.ToHexStringLower(SHA256.HashData(stream));
        if (actual != expected.ToLowerInvariant())
        {
            throw new ModelLoadException($"{file} is damaged or from another export: its SHA-256 is {actual}, export.json says {expected}. Export the model again: trainer export.");
        }

        _verified.Add(name);
    }

    private static ExportRecord ReadRecord(string path)
    {
        if (!File.Exists(path))
        {
            throw new ModelLoadException($"{path} is missing: the model has no accepted ONNX export. Make one: trainer export.");
        }

        try
        {
            var record = JsonSerializer.Deserialize(File.ReadAllText(path), ExportRecordJson.Default.ExportRecord);
            return IsWhole(record) ? record : throw new JsonException("it holds null where a fingerprint, a file or its hash belongs.");
        }
        catch (JsonException e)
        {
            throw new ModelLoadException($"{path} cannot be read: {e.Message} Export the model again: trainer export.", e);
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
