using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntimeGenAI;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;

namespace Rudder.Engine.Generation;

/// <summary>What GenAI is told, of a model when it is loaded and of each batch; and what it takes for padding.</summary>
internal static class GenAiSettings
{
    /// <summary>What takes precedence over genai_config.json: the graph of the precision asked for, and the threads.</summary>
    /// <param name="precision">Which decoder graph.</param>
    /// <param name="threads">Threads to compute with; 0 is one per processor.</param>
    public static string Overlay(GraphPrecision precision, int threads)
    {
        string graph = $"{GraphFiles.Folder}/{GraphFiles.Model(precision)}";
        string count = (threads > 0 ? threads : Environment.ProcessorCount).ToString(CultureInfo.InvariantCulture);
        return $$$"""{"model":{"decoder":{"filename":"{{{graph}}}","session_options":{"intra_op_num_threads":{{{count}}},"inter_op_num_threads":1} } } }""";
    }

    /// <summary>Sets every search option, always: several of GenAI's defaults cut tokens off (top_k is 50).</summary>
    /// <param name="parameters">The batch's parameters.</param>
    /// <param name="request">Any prompt of the batch: all are of one length and have the same settings.</param>
    /// <param name="rows">Sequences in the batch.</param>
    /// <param name="seed">Seed of the batch.</param>
    /// <param name="vocabulary">Number of token ids.</param>
    public static void Apply(GeneratorParams parameters, PromptRequest request, int rows, uint seed, int vocabulary)
    {
        var sampling = request.Parameters;
        parameters.SetSearchOption("batch_size", rows);
        parameters.SetSearchOption("num_beams", 1);
        parameters.SetSearchOption("num_return_sequences", 1);
        parameters.SetSearchOption("min_length", 0);
        parameters.SetSearchOption("max_length", request.PromptIds.Length + request.MaxNewTokens);
        parameters.SetSearchOption("repetition_penalty", 1);
        parameters.SetSearchOption("do_sample", !sampling.IsGreedy);
        parameters.SetSearchOption("temperature", sampling.IsGreedy ? 1 : sampling.Temperature);
        // GenAI fails at a k above the vocabulary; as in the slots engine that keeps all tokens, which is 0 in both.
        parameters.SetSearchOption("top_k", sampling.TopK < vocabulary ? sampling.TopK : 0);
        parameters.SetSearchOption("top_p", sampling.TopP);
        parameters.SetSearchOption("random_seed", seed & 0x7FFFFFFF);       // GenAI takes a non-negative int
    }

    /// <summary>The id that GenAI takes for padding.</summary>
    /// <exception cref="RequestFault">genai_config.json does not name it.</exception>
    public static int ReadPaddingId(GraphFolder folder)
    {
        string path = Path.Combine(folder.ModelFolder, ModelFiles.GenAiConfig);
        try
        {
            using var config = JsonDocument.Parse(File.ReadAllText(path));
            return config.RootElement.GetProperty("model").GetProperty("pad_token_id").GetInt32();
        }
        catch (Exception e) when (e is IOException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw RequestFault.Unusable($"{path} names no model.pad_token_id ({e.Message}). Export the model again: trainer export --model FOLDER.", e);
        }
    }
}
