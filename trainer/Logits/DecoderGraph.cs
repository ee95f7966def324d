using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using BFloat16 = Rudder.Checkpoints.BFloat16;

namespace Rudder.Trainer.Logits;

/// <summary>Runs a decoder graph, in any precision, over a batch of rows that keep their key-value cache from call to call.</summary>
/// <param name="path">The graph.</param>
/// <param name="threads">Threads of one product; 0: ONNX Runtime's choice.</param>
internal sealed class DecoderGraph(string path, int threads) : IDisposable
{
    private readonly OnnxSession session = new(path, threads);
    private IDisposableReadOnlyCollection<OrtValue>? cache;
    private int[] lengths = [];
    private bool rounds;

    /// <summary>Reads the prompts, padded on the right, and gives the logits after each one's last token.</summary>
    /// <param name="prompts">One or more rows of one or more tokens.</param>
    /// <param name="roundCache">
    /// Whether keys and values are kept in bfloat16 from here on, as the service's slot engine keeps those of int8 graphs. A float32 cache
    /// only; a token's own are rounded once it has been read, there just before.
    /// </param>
    /// <returns>One array of vocabulary size per row.</returns>
    public float[][] Prefill(IReadOnlyList<int[]> prompts, bool roundCache = false)
    {
        Forget();
        rounds = roundCache;
        lengths = [.. prompts.Select(prompt => prompt.Length)];
        return Run(prompts, lengths.Max(), 0);
    }

    /// <summary>Appends one token to each row and gives the next logits.</summary>
    public float[][] Step(IReadOnlyList<int> tokens)
    {
        int[] before = lengths;
        lengths = [.. lengths.Select(length => length + 1)];
        return Run([.. tokens.Select(token => new[] { token })], 1, before.Max());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        session.Dispose();
    }

    private float[][] Run(IReadOnlyList<int[]> tokens, int width, int past)
    {
        int rows = tokens.Count, total = past + width;
        long[] ids = new long[rows * width], positions = new long[rows * width], mask = new long[rows * total];
        for (int row = 0; row < rows; row++)
        {
            int first = lengths[row] - tokens[row].Length;
            for (int column = 0; column < tokens[row].Length; column++)
            {
                ids[(row * width) + column] = tokens[row][column];
                positions[(row * width) + column] = first + column;
            }

            mask.AsSpan(row * total, lengths[row]).Fill(1);
        }

        var inputs = new Dictionary<string, OrtValue>
        {
            ["input_ids"] = OnnxSession.Tensor(ids, rows, width),
            ["attention_mask"] = OnnxSession.Tensor(mask, rows, total),
            ["position_ids"] = OnnxSession.Tensor(positions, rows, width),
        };
        try
        {
            return Extend(inputs, rows);
        }
        finally
        {
            foreach (OrtValue value in inputs.Values)
            {
                value.Dispose();
            }
        }
    }

    private float[][] Extend(Dictionary<string, OrtValue> inputs, int rows)
    {
        (int heads, int size, int vocabulary) = (session.Metadata.Heads, session.Metadata.HeadSize, session.Metadata.Vocabulary);
        string[] parts = [.. Enumerable.Range(0, session.Metadata.Layers).SelectMany(layer => new[] { $"{layer}.key", $"{layer}.value" })];
        bool halves = session.Metadata.Precision == GraphFiles.Name(GraphPrecision.Fp16);
        var all = new Dictionary<string, OrtValue>(inputs);
        for (int i = 0; i < parts.Length; i++)
        {
            string name = $"past_key_values.{parts[i]}";
            all[name] = cache is null ? inputs[name] = Nothing(halves, rows, heads, 0, size) : cache[i + 1];
        }

        IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(all, ["logits", .. parts.Select(part => $"present.{part}")]);
        Forget();
        cache = outputs;
        if (rounds)
        {
            RoundCache(outputs);
        }

        ReadOnlySpan<float> logits = halves ? Widened(outputs[0]) : outputs[0].GetTensorDataAsSpan<float>();
        float[][] result = new float[rows][];
        for (int row = 0; row < rows; row++)
        {
            result[row] = logits.Slice(row * vocabulary, vocabulary).ToArray();
        }

        return result;
    }

    // What is rounded already stays as it is.
    private static void RoundCache(IReadOnlyList<OrtValue> outputs)
    {
        foreach (OrtValue part in outputs.Skip(1))      // the first are the logits
        {
            foreach (ref float value in part.GetTensorMutableDataAsSpan<float>())
            {
                value = BFloat16.ToSingle(BFloat16.FromSingle(value));
            }
        }
    }

    private static OrtValue Nothing(bool halves, params long[] shape) =>
        halves ? OnnxSession.Tensor(Array.Empty<Float16>(), shape) : OnnxSession.Tensor(Array.Empty<float>(), shape);

    private static float[] Widened(OrtValue halves) =>
        Array.ConvertAll(MemoryMarshal.Cast<Float16, Half>(halves.GetTensorDataAsSpan<Float16>()).ToArray(), value => (float)value);

    private void Forget()
    {
        cache?.Dispose();
        cache = null;
    }
}
