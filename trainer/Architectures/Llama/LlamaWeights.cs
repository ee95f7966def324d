using System.Text.RegularExpressions;
using Rudder.Checkpoints;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Architectures.Llama;

/// <summary>The weights of decoders built like Llama: names and shapes as Hugging Face writes them. Matrices are [out, in].</summary>
internal static partial class LlamaWeights
{
    private const string Prefix = "model.";

    /// <summary>Every tensor of a model, in order.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Expected(LlamaConfig config)
    {
        long width = config.HiddenSize, inner = config.InnerSize, size = config.HeadSize;
        long queries = config.Heads * size, keys = config.KeyValueHeads * size;
        yield return (WeightNames.LlamaEmbedding, [config.VocabularySize, width]);
        for (int i = 0; i < config.Layers; i++)
        {
            string layer = $"model.layers.{i}.", attention = layer + "self_attn.";
            yield return (layer + "input_layernorm.weight", [width]);
            IEnumerable<(string Name, long[] Shape)> products =
            [
                .. Linear(attention + "q_proj", queries, width, config.QueryBias),
                .. Linear(attention + "k_proj", keys, width, config.QueryBias),
                .. Linear(attention + "v_proj", keys, width, config.QueryBias),
                .. Linear(attention + "o_proj", width, queries, config.AttentionBias),
                .. config.NormalizesHeads ? [(attention + "q_norm.weight", [size]), (attention + "k_norm.weight", [size])] : Array.Empty<(string, long[])>(),
                (layer + "post_attention_layernorm.weight", [width]),
                .. Linear(layer + "mlp.gate_proj", inner, width, config.FeedForwardBias),
                .. Linear(layer + "mlp.up_proj", inner, width, config.FeedForwardBias),
                .. Linear(layer + "mlp.down_proj", width, inner, config.FeedForwardBias),
            ];
            foreach (var tensor in products)
            {
                yield return tensor;
            }
        }

        yield return ("model.norm.weight", [width]);
        if (config.HasHead)
        {
            yield return (WeightNames.Head, [config.VocabularySize, width]);
        }

        if (config.IsClassifier)
        {
            yield return (SequenceHead.WeightName, [config.Labels.Count, width]);
        }
    }

    /// <summary>Loads all weights, with or without the prefix <c>model.</c>. Ignores stored frequencies. A tied output matrix must equal the embedding.</summary>
    /// <returns>The names of <see cref="Expected"/> with their values, all finite.</returns>
    /// <exception cref="CheckpointException">A tensor is missing, not expected, of another shape, or not finite.</exception>
    public static IReadOnlyDictionary<string, float[]> Load(Weights weights, LlamaConfig config)
    {
        IReadOnlyDictionary<string, float[]> loaded = ModelWeights.Load(
            weights, Expected(config), Canonical, name => (name == WeightNames.Head && !config.HasHead) || Frequencies().IsMatch(name));
        if (config.TiesHead)
        {
            ModelWeights.RequireTiedHead(weights, loaded[WeightNames.LlamaEmbedding], config.VocabularySize, config.HiddenSize);
        }

        return loaded;
    }

    private static string Canonical(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal) || name is WeightNames.Head or SequenceHead.WeightName ? name : Prefix + name;

    private static (string Name, long[] Shape)[] Linear(string name, long outputs, long inputs, bool bias) =>
        bias ? [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])] : [(name + ".weight", [outputs, inputs])];

    [GeneratedRegex(@"^model\.layers\.[0-9]+\.self_attn\.rotary_emb\.inv_freq$")]
    private static partial Regex Frequencies();
}
