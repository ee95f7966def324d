using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace Rudder.InferenceService.Engines;

/// <summary>Opens ONNX Runtime sessions, all with the same settings, and reads what a graph says about itself.</summary>
internal static class GraphSession
{
    /// <summary>Loads a verified graph.</summary>
    /// <param name="folder">Where it lies.</param>
    /// <param name="graph">File name.</param>
    /// <param name="threads">Threads to compute with; 0 is one per processor.</param>
    /// <exception cref="ModelLoadException">The graph is missing, damaged, of another model or not loadable.</exception>
    public static (InferenceSession Session, GraphShape Shape) Open(GraphFolder folder, string graph, int threads)
    {
        string path = folder.Verified(graph);
        using var options = Options(threads);
        InferenceSession session;
        try
        {
            session = new InferenceSession(path, options);
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelLoadException($"ONNX Runtime cannot load {path}: {e.Message}", e);
        }

        try
        {
            var shape = GraphShape.Read(session, path);
            return shape.Fingerprint == folder.Fingerprint
                ? (session, shape)
                : throw new ModelLoadException($"{path} is a graph of fingerprint {shape.Fingerprint}, not {folder.Fingerprint}. Export the model again: trainer export.");
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Session settings, with their reasons.</summary>
    public static SessionOptions Options(int threads)
    {
        var options = new SessionOptions
        {
            IntraOpNumThreads = threads > 0 ? threads : Environment.ProcessorCount,
            InterOpNumThreads = 1,                           // the graphs are chains: nothing runs side by side
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            EnableCpuMemArena = true,                        // a step's intermediates are reused by the next one
            EnableMemoryPattern = false,                     // shapes change from step to step; a pattern would be kept for each
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        // Waiting threads sleep instead of burning a core: several models, a web server and often a trainer share the machine.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
        // Arithmetic on denormals is a hundred times slower, and nothing here depends on them.
        options.AddSessionConfigEntry("session.set_denormal_as_zero", "1");
        return options;
    }
}

/// <summary>What a graph says about itself in its metadata.</summary>
/// <param name="Fingerprint">Of the model it was exported from.</param>
/// <param name="Precision">fp32 or int8.</param>
/// <param name="Layers">Transformer blocks.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="HeadSize">Width of one head.</param>
/// <param name="Vocabulary">Token ids.</param>
/// <param name="Context">Tokens at most.</param>
internal sealed record GraphShape(string Fingerprint, string Precision, int Layers, int Heads, int HeadSize, int Vocabulary, int Context)
{
    /// <summary>Bytes of key-value cache per token of one sequence.</summary>
    public long CacheBytesPerToken => 2L * Layers * Heads * HeadSize * sizeof(float);

    /// <summary>Reads the metadata.</summary>
    /// <exception cref="ModelLoadException">An entry is missing or no number.</exception>
    public static GraphShape Read(InferenceSession session, string path)
    {
        var metadata = session.ModelMetadata.CustomMetadataMap;
        string Text(string key) => metadata.TryGetValue($"rudder.{key}", out string? value)
            ? value
            : throw new ModelLoadException($"{path} has no metadata 'rudder.{key}'. Export it with this project's trainer.");
        int Number(string key) => int.TryParse(Text(key), NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0
            ? value
            : throw new ModelLoadException($"{path}: metadata 'rudder.{key}' is '{Text(key)}', not a positive number. Export the model again: trainer export.");
        return new GraphShape(Text("fingerprint"), Text("precision"), Number("layers"), Number("heads"), Number("head_size"), Number("vocabulary"), Number("context"));
    }
}
