using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rudder.Trainer.Export;

/// <summary>What was exported and how close it is to the model: the content of <c>export.json</c>.</summary>
/// <param name="Fingerprint">Fingerprint of the model folder that the graphs were made from.</param>
/// <param name="Graphs">By file name.</param>
/// <param name="Weights">The external files, by file name.</param>
internal sealed record ExportReport(
    string Fingerprint,
    IReadOnlyDictionary<string, GraphReport> Graphs,
    IReadOnlyDictionary<string, FileReport> Weights)
{
    /// <summary>File name of the report inside the folder of the graphs.</summary>
    public const string FileName = "export.json";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
    };

    /// <summary>Reads a report; null where the folder has none.</summary>
    /// <exception cref="BadInputException">A damaged report; named by file and line.</exception>
    public static ExportReport? Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<ExportReport>(File.ReadAllText(path), Json) : null;
        }
        catch (JsonException e)
        {
            throw new BadInputException($"{path}:{(e.LineNumber ?? 0) + 1}: damaged ({e.Message}). Export the model again: trainer export --model FOLDER.", e);
        }
    }

    /// <summary>The report as JSON text.</summary>
    public override string ToString() => JsonSerializer.Serialize(this, Json);
}

/// <summary>One graph. Differences are against the TorchSharp model on the same tokens.</summary>
/// <param name="Sha256">Hash of the .onnx file.</param>
/// <param name="Precision"><c>fp32</c>, <c>int8</c> or <c>fp16</c>.</param>
/// <param name="Positions">Tokens (texts, for a classifier) compared.</param>
/// <param name="MaxAbsDiff">Largest |Δ log-prob| over all positions and the whole vocabulary (all labels).</param>
/// <param name="Limit">fp32: what <paramref name="MaxAbsDiff"/> may be. int8 and fp16: what <paramref name="MeanKl"/> and <paramref name="MeanKlBf16Cache"/> may be.</param>
/// <param name="MeanTokenDiff">int8 and fp16: mean |Δ log-prob| of the tokens of the texts (of the most probable label).</param>
/// <param name="MeanKl">int8 and fp16: mean KL of float32 to it per token (per text), nats; of a decoder with a cache of the graph's own type.</param>
/// <param name="MeanKlBf16Cache">int8 decoder: the same with its cache in bfloat16, as the service's slot engine keeps it. Held to the same limit; null where export did not measure it yet.</param>
internal sealed record GraphReport(
    string Sha256,
    string Precision,
    int Positions,
    double MaxAbsDiff,
    double Limit,
    double? MeanTokenDiff = null,
    double? MeanKl = null,
    double? MeanKlBf16Cache = null);

/// <summary>One file of weights.</summary>
/// <param name="Sha256">Hash of the file.</param>
/// <param name="Bytes">Its size.</param>
internal sealed record FileReport(string Sha256, long Bytes);
