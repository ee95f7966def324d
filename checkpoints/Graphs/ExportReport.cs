using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rudder.Checkpoints;

/// <summary>The content of <c>export.json</c>: a model's graphs, their hashes, and their distance from the model.</summary>
/// <param name="Fingerprint">Fingerprint of the exported model folder.</param>
/// <param name="Graphs">By file name.</param>
/// <param name="Weights">The external files, by file name.</param>
public sealed record ExportReport(
    string Fingerprint,
    IReadOnlyDictionary<string, GraphReport> Graphs,
    IReadOnlyDictionary<string, FileReport> Weights)
{
    /// <summary>File name of the report inside the folder of the graphs.</summary>
    public const string FileName = "export.json";

    private const int CurrentFormat = 2;                    // 1 has other file names and dimensions, and no format field
    private const long LargestFile = 1 << 20;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
        WriteIndented = true,
    };

    /// <summary>Version of the exported files' names and content. Only the current one is readable.</summary>
    public int Format { get; init; } = 1;

    /// <summary>Reads the report of a model folder.</summary>
    /// <param name="graphs">The folder of the graphs.</param>
    /// <exception cref="CheckpointException">The export is missing, damaged or of an earlier version.</exception>
    public static ExportReport Read(string graphs)
    {
        string path = Path.Combine(graphs, FileName);
        if (!File.Exists(path))
        {
            throw new CheckpointException($"{path} is missing: the model has no exported graphs. {Remedy}");
        }

        try
        {
            var report = JsonSerializer.Deserialize<ExportReport>(BoundedFile.Read(path, LargestFile), Json)
                ?? throw new JsonException("it holds null");
            if (report.Graphs.Values.Any(graph => graph is null) || report.Weights.Values.Any(file => file is null))
            {
                throw new JsonException("it holds null where a file and its hash belong");
            }

            return report.Format == CurrentFormat
                ? report
                : throw new CheckpointException($"{path} has format {report.Format}; this version reads format {CurrentFormat}. {Remedy}");
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{path}:{(e.LineNumber ?? 0) + 1}: damaged ({e.Message}). {Remedy}", e);
        }
    }

    /// <summary>Writes the report.</summary>
    /// <param name="graphs">The folder of the graphs.</param>
    public void Write(string graphs) => AtomicFile.WriteText(Path.Combine(graphs, FileName), this + "\n");

    /// <summary>The report as JSON text, in the current format.</summary>
    public override string ToString() => JsonSerializer.Serialize(this with { Format = CurrentFormat }, Json);

    private const string Remedy = "Export the model again: trainer export --model FOLDER.";
}

/// <summary>One graph. Differences are against the TorchSharp model on the same tokens.</summary>
/// <param name="Sha256">Hash of the .onnx file, in lower-case hexadecimal.</param>
/// <param name="Precision"><c>fp32</c>, <c>int8</c> or <c>fp16</c>.</param>
/// <param name="Positions">Tokens (texts, for a classifier) compared.</param>
/// <param name="MaxAbsDiff">Largest |Δ log-prob| over all positions and the whole vocabulary (all labels).</param>
/// <param name="Limit">Bound on <paramref name="MaxAbsDiff"/> (fp32) or on both mean KLs (int8, fp16).</param>
/// <param name="MeanTokenDiff">int8 and fp16: mean |Δ log-prob| of the tokens of the texts (of the most probable label).</param>
/// <param name="MeanKl">int8 and fp16: mean KL(float32‖graph) per token (per text), nats; a decoder's cache has the graph's type.</param>
/// <param name="MeanKlBf16Cache">int8 decoder: the same with the slots engine's operators and bfloat16 cache. Same limit.</param>
public sealed record GraphReport(
    string Sha256,
    string Precision,
    int Positions,
    double MaxAbsDiff,
    double Limit,
    double? MeanTokenDiff = null,
    double? MeanKl = null,
    double? MeanKlBf16Cache = null);

/// <summary>One file of weights.</summary>
/// <param name="Sha256">Hash of the file, in lower-case hexadecimal.</param>
/// <param name="Bytes">Its size.</param>
public sealed record FileReport(string Sha256, long Bytes);
