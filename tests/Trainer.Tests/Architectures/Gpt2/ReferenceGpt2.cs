using Rudder.Checkpoints;

namespace Rudder.Trainer.Tests.Architectures.Gpt2;

/// <summary>GPT-2 in plain float64 loops, from transformers' modeling_gpt2.py (v4.51.1). It shares no code with the trainer.</summary>
internal static class ReferenceGpt2
{
    /// <summary>Logits after every token of one sequence. [T][V]</summary>
    public static double[][] Logits(Gpt2Config config, IReadOnlyDictionary<string, float[]> weights, IReadOnlyList<int> ids)
    {
        int width = config.HiddenSize;
        double[][] states = [.. ids.Select((id, t) => Sum(Row("transformer.wte.weight", id), Row("transformer.wpe.weight", t)))];
        for (int layer = 0; layer < config.Layers; layer++)
        {
            // GPT2Block.forward: x = x + attn(ln_1(x)); x + mlp(ln_2(x))
            string prefix = $"transformer.h.{layer}.";
            double[][] attended = Attention(config, weights, layer, [.. states.Select(x => Norm(x, prefix + "ln_1"))]);
            states = [.. states.Zip(attended, Sum).Select(x => Sum(x, FeedForward(Norm(x, prefix + "ln_2"), prefix + "mlp.")))];
        }

        string head = config.TiesHead ? "transformer.wte.weight" : "lm_head.weight";
        return [.. states.Select(x => Norm(x, "transformer.ln_f")).Select(x =>
            Enumerable.Range(0, config.VocabularySize).Select(id => Row(head, id).Zip(x, (a, b) => a * b).Sum()).ToArray())];

        double[] Row(string name, int row) => [.. weights[name].Skip(row * width).Take(width).Select(w => (double)w)];

        double[] Norm(double[] x, string name)
        {
            double mean = x.Average(), variance = x.Average(value => (value - mean) * (value - mean)), scale = Math.Sqrt(variance + config.LayerNormEpsilon);
            return [.. x.Select((value, i) => ((value - mean) / scale * weights[name + ".weight"][i]) + weights[name + ".bias"][i])];
        }

        // GPT2MLP.forward
        double[] FeedForward(double[] x, string name) =>
            Affine(weights, name + "c_proj", [.. Affine(weights, name + "c_fc", x).Select(y => Activate(config.Activation, y))]);
    }

    // GPT2Attention: eager_attention_forward divides by sqrt(head size) if scale_attn_weights, and by layer_idx + 1 if
    // scale_attn_by_inverse_layer_idx. reorder_and_upcast_attn computes the same in another order.
    private static double[][] Attention(Gpt2Config config, IReadOnlyDictionary<string, float[]> weights, int layer, double[][] states)
    {
        int size = config.HiddenSize / config.Heads, width = config.HiddenSize;
        double[][] products = [.. states.Select(x => Affine(weights, $"transformer.h.{layer}.attn.c_attn", x))];
        double[][] results = [.. states.Select(_ => new double[width])];
        double divisor = (config.ScalesAttention ? Math.Sqrt(size) : 1) * (config.ScalesByLayer ? layer + 1 : 1);
        for (int t = 0; t < states.Length; t++)
        {
            for (int head = 0; head < config.Heads; head++)
            {
                double[] scores = [.. Enumerable.Range(0, t + 1).Select(k => Part(t, head, 0).Zip(Part(k, head, 1), (a, b) => a * b).Sum() / divisor)];
                double largest = scores.Max(), total = scores.Sum(score => Math.Exp(score - largest));
                for (int i = 0; i < size; i++)
                {
                    results[t][(head * size) + i] = scores.Select((score, k) => Math.Exp(score - largest) / total * Part(k, head, 2)[i]).Sum();
                }
            }
        }

        return [.. results.Select(x => Affine(weights, $"transformer.h.{layer}.attn.c_proj", x))];

        double[] Part(int token, int head, int part) => products[token][((part * width) + (head * size))..((part * width) + ((head + 1) * size))];
    }

    // Conv1D: x·W + b, W [in,out].
    private static double[] Affine(IReadOnlyDictionary<string, float[]> weights, string name, double[] x)
    {
        float[] weight = weights[name + ".weight"], bias = weights[name + ".bias"];
        return [.. bias.Select((b, o) => b + x.Select((value, i) => value * weight[(i * bias.Length) + o]).Sum())];
    }

    // ACT2FN of transformers' activations.py.
    private static double Activate(string name, double y) => name switch
    {
        "relu" => Math.Max(0, y),
        "gelu" => y / 2 * (1 + Erf(y / Math.Sqrt(2))),
        "gelu_new" or "gelu_pytorch_tanh" => y / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (y + (0.044715 * y * y * y)))),
        _ => throw new ArgumentException(name),
    };

    // The Maclaurin series of the error function, whose terms suffice for |z| < 4.
    private static double Erf(double z)
    {
        double term = z, sum = z;
        for (int n = 1; n < 200; n++)
        {
            term *= -z * z / n;
            sum += term / ((2 * n) + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
