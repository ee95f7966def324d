using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace Rudder.InferenceService.Engines;

/// <summary>Opens ONNX Runtime sessions, all with the same settings, and reads what a graph says about itself.</summary>
internal static class GraphSession
{
    /// <summary>Loads a verified graph.</summary>
    /// <param name="folder">Where it lies.</param>
    /// <param name="graph">Its name without precision and ending: decoder, logprobs or classifier.</param>
    /// <param name="precision">Which of its files.</param>
    /// <param name="threads">Threads to compute with; 0 is one per processor.</param>
    /// <exception cref="ModelLoadException">The graph is missing, damaged, of another model or precision, or not loadable.</exception>
    public static (InferenceSession Session, GraphShape Shape) Open(GraphFolder folder, string graph, GraphPrecision precision, int threads)
    {
        string path = folder.Verified(GraphFolder.FileName(graph, precision));
        using var options = Options(threads);
        InferenceSession session;
        try
        {
            var before = HugePages.LargeRanges();
            session = new InferenceSession(path, options);
            HugePages.Collapse(before);
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelLoadException($"ONNX Runtime cannot load {path}: {e.Message}", e);
        }

        try
        {
            var shape = GraphShape.Read(session, path);
            Check(shape, path, folder.Fingerprint, precision);
            return (session, shape);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private static void Check(GraphShape shape, string path, string fingerprint, GraphPrecision precision)
    {
        string wanted = precision == GraphPrecision.Int8 ? "int8" : "fp32";
        if (shape.Fingerprint != fingerprint)
        {
            throw new ModelLoadException($"{path} is a graph of fingerprint {shape.Fingerprint}, not {fingerprint}. Export the model again: trainer export.");
        }

        if (shape.Precision != wanted)
        {
            throw new ModelLoadException($"{path} is a graph in {shape.Precision}; {wanted} was asked for. Export the model again: trainer export.");
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
        // Threads spin between the operators of a run, which follow each other by microseconds, and sleep between runs: several
        // models, a web server and often a trainer share the machine.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "1");
        options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
        if (!ByteProducts.AreExact)
        {
            // Products of bytes that cannot overflow, at a third of the speed.
            options.AddSessionConfigEntry("session.x64quantprecision", "1");
        }

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
    private const int FewestTokens = 2;                      // a prompt of one and one drawn

    /// <summary>Bytes of key-value cache per token of one sequence.</summary>
    /// <exception cref="OverflowException">More than can be counted.</exception>
    public long CacheBytesPerToken => checked(2L * Layers * Heads * HeadSize * sizeof(float));

    /// <summary>Tokens of prompt and completion together: the limit of the settings, or the context where they name none.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="modelFolder">For messages.</param>
    /// <exception cref="ModelLoadException">The limit is above the context, or leaves no room for a prompt and a drawn token.</exception>
    public int TokensPerSequence(EngineOptions options, string modelFolder)
    {
        if (options.MaxTokens > Context)
        {
            throw new ModelLoadException($"MaxTokens is {options.MaxTokens}; {modelFolder} was trained for {Context} positions. Set it to at most that, or to 0.");
        }

        int tokens = options.MaxTokens > 0 ? options.MaxTokens : Context;
        return tokens >= FewestTokens
            ? tokens
            : throw new ModelLoadException(
                $"MaxTokens is {options.MaxTokens} and the context of {modelFolder} {Context}; a sequence needs room for {FewestTokens} tokens, one of the prompt and one drawn. "
                + "Set MaxTokens to 0 or at least 2, or load a model with a longer context.");
    }

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
