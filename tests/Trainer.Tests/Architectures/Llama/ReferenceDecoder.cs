using Rudder.Checkpoints;

namespace Rudder.Trainer.Tests.Architectures.Llama;

/// <summary>
/// The decoders built like Llama in plain float64 loops, from transformers' modeling_llama.py, modeling_mistral.py, modeling_qwen2.py and
/// modeling_qwen3.py (v4.51.1). It shares no code with the trainer.
/// </summary>
internal static class ReferenceDecoder
{
    /// <summary>Logits after every token of one sequence. [T][V]</summary>
    public static double[][] Logits(LlamaConfig config, IReadOnlyDictionary<string, float[]> weights, int[] ids)
    {
        int width = config.HiddenSize;
        double[][] states = [.. ids.Select(id => weights["model.embed_tokens.weight"].Skip(id * width).Take(width).Select(w => (double)w).ToArray())];
        for (int layer = 0; layer < config.Layers; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            double[][] attended = Attention(config, weights, prefix + "self_attn.", [.. states.Select(x => Norm(x, prefix + "input_layernorm"))]);
            states = [.. states.Zip(attended, Sum)];
            states = [.. states.Select(x => Sum(x, FeedForward(Norm(x, prefix + "post_attention_layernorm"), prefix + "mlp.")))];
        }

        string head = weights.ContainsKey("lm_head.weight") ? "lm_head" : "model.embed_tokens";
        return [.. states.Select(x => Linear(weights, Norm(x, "model.norm"), head, config.VocabularySize))];

        double[] Norm(double[] x, string name) => RmsNorm(x, weights[name + ".weight"], config.LayerNormEpsilon);

        // LlamaMLP.forward: down_proj(act_fn(gate_proj(x)) * up_proj(x))
        double[] FeedForward(double[] x, string name)
        {
            double[] gate = Linear(weights, x, name + "gate_proj", config.InnerSize), up = Linear(weights, x, name + "up_proj", config.InnerSize);
            return Linear(weights, [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)], name + "down_proj", width);
        }
    }

    // LlamaAttention.forward with repeat_kv; MistralAttention masks keys at a distance of sliding_window or more.
    private static double[][] Attention(LlamaConfig config, IReadOnlyDictionary<string, float[]> weights, string name, double[][] states)
    {
        int size = config.HeadSize, share = config.Heads / config.KeyValueHeads;
        double[][] queries = [.. states.Select((x, t) => Turned(Linear(weights, x, name + "q_proj", config.Heads * size), name + "q_norm.weight", t))];
        double[][] keys = [.. states.Select((x, t) => Turned(Linear(weights, x, name + "k_proj", config.KeyValueHeads * size), name + "k_norm.weight", t))];
        double[][] values = [.. states.Select(x => Linear(weights, x, name + "v_proj", config.KeyValueHeads * size))];
        double[][] results = [.. states.Select(_ => new double[config.Heads * size])];
        for (int t = 0; t < states.Length; t++)
        {
            int first = config.Window is int window ? Math.Max(0, t - window + 1) : 0;
            for (int head = 0; head < config.Heads; head++)
            {
                int own = head * size, shared = head / share * size;
                double[] scores = [.. Enumerable.Range(first, t + 1 - first).Select(k =>
                    Math.Exp(Enumerable.Range(0, size).Sum(i => queries[t][own + i] * keys[k][shared + i]) / Math.Sqrt(size)))];
                for (int i = 0; i < size; i++)
                {
                    results[t][own + i] = scores.Select((score, k) => score * values[first + k][shared + i]).Sum() / scores.Sum();
                }
            }
        }

        return [.. results.Select(x => Linear(weights, x, name + "o_proj", config.HiddenSize))];

        // Qwen3Attention normalizes each head before apply_rotary_pos_emb, which pairs i and i + size/2.
        double[] Turned(double[] x, string norm, int position)
        {
            for (int start = 0; start < x.Length; start += size)
            {
                double[] head = weights.TryGetValue(norm, out float[]? scale) ? RmsNorm(x[start..(start + size)], scale, config.LayerNormEpsilon) : x[start..(start + size)];
                for (int i = 0; i < size / 2; i++)
                {
                    double angle = position * Math.Pow(config.Rotary.Theta, -2.0 * i / size);
                    x[start + i] = (head[i] * Math.Cos(angle)) - (head[i + (size / 2)] * Math.Sin(angle));
                    x[start + i + (size / 2)] = (head[i + (size / 2)] * Math.Cos(angle)) + (head[i] * Math.Sin(angle));
                }
            }

            return x;
        }
    }

    // LlamaRMSNorm.forward
    private static double[] RmsNorm(double[] x, float[] weight, double epsilon)
    {
        double scale = 1 / Math.Sqrt(x.Average(value => value * value) + epsilon);
        return [.. x.Select((value, i) => value * scale * weight[i])];
    }

    private static double[] Linear(IReadOnlyDictionary<string, float[]> weights, double[] x, string name, int outputs)
    {
        float[] weight = weights[name + ".weight"];
        weights.TryGetValue(name + ".bias", out float[]? bias);
        return [.. Enumerable.Range(0, outputs).Select(o => x.Select((value, i) => value * weight[(o * x.Length) + i]).Sum() + (bias?[o] ?? 0))];
    }

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
