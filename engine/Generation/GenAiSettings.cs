using System.Globalization;
using Microsoft.ML.OnnxRuntimeGenAI;
using Rudder.Checkpoints;

namespace Rudder.Engine.Generation;

/// <summary>Settings that GenAI gets when a model loads and with each batch.</summary>
internal static class GenAiSettings
{
    /// <summary>Overrides of genai_config.json: the graph of the requested precision, and the number of threads.</summary>
    /// <param name="precision">Precision of the decoder graph.</param>
    /// <param name="threads">Compute threads; 0 means one per processor.</param>
    public static string Overlay(GraphPrecision precision, int threads)
    {
        string graph = $"{GraphFiles.Folder}/{GraphFiles.Model(precision)}";
        string count = (threads > 0 ? threads : Environment.ProcessorCount).ToString(CultureInfo.InvariantCulture);
        return $$$"""{"model":{"decoder":{"filename":"{{{graph}}}","session_options":{"intra_op_num_threads":{{{count}}},"inter_op_num_threads":1} } } }""";
    }

    /// <summary>Sets every search option explicitly, because several of GenAI's defaults remove tokens (top_k is 50).</summary>
    /// <param name="parameters">The batch's parameters.</param>
    /// <param name="request">Any prompt of the batch; all have the same length and settings.</param>
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
        // GenAI fails if k exceeds the vocabulary. The slots engine keeps all tokens then, which is k = 0 in both engines.
        parameters.SetSearchOption("top_k", sampling.TopK < vocabulary ? sampling.TopK : 0);
        parameters.SetSearchOption("top_p", sampling.TopP);
        parameters.SetSearchOption("random_seed", seed & 0x7FFFFFFF);       // GenAI takes a non-negative int
    }
}
