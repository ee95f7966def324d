using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.OnnxRuntimeGenAI;
using Rudder.Checkpoints;
using Rudder.Engine;

namespace Rudder.Benchmarks;

/// <summary>GenAI's bare generation loop on an exported decoder, fp32 or int8.</summary>
internal sealed class GenAiPeer : IDisposable
{
    private readonly Model _fp32;
    private readonly Model _int8;

    private GenAiPeer(Model fp32, Model int8) => (_fp32, _int8) = (fp32, int8);

    /// <summary>Loads both graphs.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="threads">Threads of the products.</param>
    public static GenAiPeer Open(string folder, int threads) => new(Load(folder, GraphPrecision.Fp32, threads), Load(folder, GraphPrecision.Int8, threads));

    /// <summary>Returns tokens per second. Rows past their end-of-text id continue as padding and count in GenAI's favour.</summary>
    /// <param name="precision">Selects the graph.</param>
    /// <param name="prompts">Prompts of one length.</param>
    /// <param name="newTokens">New tokens per prompt.</param>
    /// <param name="sampling">How to draw.</param>
    /// <param name="stepsAlone">Excludes the prefill and the first token from the time, in GenAI's favour.</param>
    public double Speed(GraphPrecision precision, int[][] prompts, int newTokens, SamplingParameters sampling, bool stepsAlone)
    {
        Model model = precision == GraphPrecision.Int8 ? _int8 : _fp32;
        using var parameters = new GeneratorParams(model);
        parameters.SetSearchOption("batch_size", prompts.Length);
        parameters.SetSearchOption("max_length", prompts[0].Length + newTokens);
        parameters.SetSearchOption("do_sample", !sampling.IsGreedy);
        parameters.SetSearchOption("temperature", 1);
        parameters.SetSearchOption("top_k", sampling.IsGreedy ? 0 : sampling.TopK);
        parameters.SetSearchOption("top_p", 1);
        parameters.SetSearchOption("random_seed", 1);
        using var generator = new Generator(model, parameters);
        long start = Stopwatch.GetTimestamp();
        generator.AppendTokens([.. prompts.SelectMany(prompt => prompt)]);
        int steps = 0;
        while (!generator.IsDone())
        {
            generator.GenerateNextToken();
            steps++;
            if (stepsAlone && steps == 1)
            {
                start = Stopwatch.GetTimestamp();
            }
        }

        return prompts.Length * (stepsAlone ? steps - 1 : steps) / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _fp32.Dispose();
        _int8.Dispose();
    }

    private static Model Load(string folder, GraphPrecision precision, int threads)
    {
        using var config = new Config(folder);
        config.Overlay(
            $$$"""{"model":{"decoder":{"filename":"{{{GraphFiles.Folder}}}/{{{GraphFiles.Model(precision)}}}","session_options":{"intra_op_num_threads":{{{threads.ToString(CultureInfo.InvariantCulture)}}},"inter_op_num_threads":1} } } }""");
        return new Model(config);
    }
}
