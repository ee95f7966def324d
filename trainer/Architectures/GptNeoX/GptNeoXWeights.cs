using System.Text.RegularExpressions;
using Rudder.Checkpoints;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Architectures.GptNeoX;

/// <summary>GPT-NeoX's weights: names and shapes as Hugging Face writes them. Matrices are [out, in].</summary>
internal static partial class GptNeoXWeights
{
    /// <summary>The token embedding, [V,D].</summary>
    public const string Embedding = "gpt_neox.embed_in.weight";

    /// <summary>The output matrix, [V,D].</summary>
    public const string Head = "embed_out.weight";

    /// <summary>Every tensor of a model, in order.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Expected(GptNeoXConfig config)
    {
        long width = config.HiddenSize, inner = config.InnerSize;
        yield return (Embedding, [config.VocabularySize, width]);
        for (int i = 0; i < config.Layers; i++)
        {
            string layer = $"gpt_neox.layers.{i}.";
            foreach ((string name, long[] shape) in new (string, long[])[]
            {
                ("input_layernorm", [width]), ("post_attention_layernorm", [width]),
                ("attention.query_key_value", [3 * width, width]), ("attention.dense", [width, width]),
                ("mlp.dense_h_to_4h", [inner, width]), ("mlp.dense_4h_to_h", [width, inner]),
            })
            {
                yield return ($"{layer}{name}.weight", shape);
                yield return ($"{layer}{name}.bias", [shape[0]]);
            }
        }

        yield return ("gpt_neox.final_layer_norm.weight", [width]);
        yield return ("gpt_neox.final_layer_norm.bias", [width]);
        yield return config.IsClassifier ? (SequenceHead.WeightName, [config.Labels.Count, width]) : (Head, [config.VocabularySize, width]);
    }

    /// <summary>Loads all weights. Ignores stored masks and frequencies, and the output matrix of a classifier.</summary>
    /// <returns>The names of <see cref="Expected"/> with their values, all finite.</returns>
    /// <exception cref="CheckpointException">A tensor is missing, not expected, of another shape, or not finite.</exception>
    public static IReadOnlyDictionary<string, float[]> Load(Weights weights, GptNeoXConfig config) =>
        ModelWeights.Load(weights, Expected(config), name => name, name => name == Head || Buffer().IsMatch(name));

    [GeneratedRegex(@"^gpt_neox\.layers\.[0-9]+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$")]
    private static partial Regex Buffer();
}
