using Rudder.Checkpoints;

namespace Rudder.Trainer.Tests.Architectures.GptNeoX;

/// <summary>GPT-NeoX in plain float64 loops, from transformers' modeling_gpt_neox.py (v4.51.1). It shares no code with the trainer.</summary>
internal static class ReferenceNeoX
{
    /// <summary>Logits after every token of one sequence. [T][V]</summary>
    public static double[][] Logits(GptNeoXConfig config, IReadOnlyDictionary<string, float[]> weights, int[] ids)
    {
        int width = config.HiddenSize;
        double[][] states = [.. ids.Select(id => weights["gpt_neox.embed_in.weight"].Skip(id * width).Take(width).Select(w => (double)w).ToArray())];
        for (int layer = 0; layer < config.Layers; layer++)
        {
            // GPTNeoXLayer.forward: x + attn(ln1(x)) + mlp(ln2(x)), or x = x + attn(ln1(x)); x + mlp(ln2(x))
            string prefix = $"gpt_neox.layers.{layer}.";
            double[][] attended = Attention(config, weights, prefix + "attention.", [.. states.Select(x => Norm(x, prefix + "input_layernorm"))]);
            attended = [.. states.Zip(attended, Sum)];
            double[][] read = config.IsParallel ? states : attended;
            states = [.. attended.Zip(read, (x, y) => Sum(x, FeedForward(Norm(y, prefix + "post_attention_layernorm"), prefix + "mlp.")))];
        }

        float[] head = weights["embed_out.weight"];
        return [.. states.Select(x => Linear(head, null, Norm(x, "gpt_neox.final_layer_norm"), config.VocabularySize))];

        double[] Norm(double[] x, string name)
        {
            double mean = x.Average(), variance = x.Average(value => (value - mean) * (value - mean));
            return [.. x.Select((value, i) => ((value - mean) / Math.Sqrt(variance + config.LayerNormEpsilon) * weights[name + ".weight"][i]) + weights[name + ".bias"][i])];
        }

        double[] FeedForward(double[] x, string name)
        {
            double[] inner = Linear(weights[name + "dense_h_to_4h.weight"], weights[name + "dense_h_to_4h.bias"], x, config.InnerSize);
            return Linear(weights[name + "dense_4h_to_h.weight"], weights[name + "dense_4h_to_h.bias"], [.. inner.Select(Gelu)], width);
        }
    }

    // GPTNeoXAttention.forward: view(heads, 3 * size), chunk(3); apply_rotary_pos_emb on the first rotary_ndims of a head.
    private static double[][] Attention(GptNeoXConfig config, IReadOnlyDictionary<string, float[]> weights, string name, double[][] states)
    {
        int size = config.HeadSize;
        double[][] products = [.. states.Select(x => Linear(weights[name + "query_key_value.weight"], weights[name + "query_key_value.bias"], x, 3 * config.HiddenSize))];
        double[][] results = [.. states.Select(_ => new double[config.HiddenSize])];
        for (int t = 0; t < states.Length; t++)
        {
            for (int head = 0; head < config.Heads; head++)
            {
                double[] query = Part(t, head, 0);
                double[] scores = [.. Enumerable.Range(0, t + 1).Select(k => Math.Exp(query.Zip(Part(k, head, 1), (a, b) => a * b).Sum() / Math.Sqrt(size)))];
                for (int i = 0; i < size; i++)
                {
                    results[t][(head * size) + i] = scores.Select((score, k) => score * Part(k, head, 2)[i]).Sum() / scores.Sum();
                }
            }
        }

        return [.. results.Select(x => Linear(weights[name + "dense.weight"], weights[name + "dense.bias"], x, config.HiddenSize))];

        double[] Part(int token, int head, int part)
        {
            int start = (head * 3 * size) + (part * size), pairs = config.RotarySize / 2;
            double[] x = products[token][start..(start + size)], turned = [.. x];
            for (int i = 0; i < pairs && part < 2; i++)
            {
                double angle = token * Math.Pow(config.Rotary.Theta, -2.0 * i / config.RotarySize);
                turned[i] = (x[i] * Math.Cos(angle)) - (x[i + pairs] * Math.Sin(angle));
                turned[i + pairs] = (x[i + pairs] * Math.Cos(angle)) + (x[i] * Math.Sin(angle));
            }

            return turned;
        }
    }

    private static double[] Linear(float[] weight, float[]? bias, double[] x, int outputs) =>
        [.. Enumerable.Range(0, outputs).Select(o => x.Select((value, i) => value * weight[(o * x.Length) + i]).Sum() + (bias?[o] ?? 0))];

    // y · Φ(y), with the error function by its Maclaurin series, whose terms suffice for |y| < 6.
    private static double Gelu(double y)
    {
        double z = y / Math.Sqrt(2), term = z, sum = z;
        for (int n = 1; n < 200; n++)
        {
            term *= -z * z / n;
            sum += term / ((2 * n) + 1);
        }

        return y / 2 * (1 + (2 / Math.Sqrt(Math.PI) * sum));
    }

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
