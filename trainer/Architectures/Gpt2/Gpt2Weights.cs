using System.Text.RegularExpressions;
using Rudder.Checkpoints;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Architectures.Gpt2;

/// <summary>GPT-2's weights: names and shapes as Hugging Face writes them, without <see cref="WeightNames.Prefix"/>.</summary>
internal static partial class Gpt2Weights
{
    /// <summary>Every tensor of a model, in order. Matrices of the blocks are [in, out] (the family's Conv1D layout).</summary>
    public static IEnumerable<(string Name, long[] Shape)> Expected(Gpt2Config config)
    {
        long width = config.HiddenSize, inner = config.InnerSize;
        yield return (WeightNames.Embedding, [config.VocabularySize, width]);
        yield return ("wpe.weight", [config.Context, width]);
        for (int i = 0; i < config.Layers; i++)
        {
            yield return ($"h.{i}.ln_1.weight", [width]);
            yield return ($"h.{i}.ln_1.bias", [width]);
            yield return ($"h.{i}.attn.c_attn.weight", [width, 3 * width]);
            yield return ($"h.{i}.attn.c_attn.bias", [3 * width]);
            yield return ($"h.{i}.attn.c_proj.weight", [width, width]);
            yield return ($"h.{i}.attn.c_proj.bias", [width]);
            yield return ($"h.{i}.ln_2.weight", [width]);
            yield return ($"h.{i}.ln_2.bias", [width]);
            yield return ($"h.{i}.mlp.c_fc.weight", [width, inner]);
            yield return ($"h.{i}.mlp.c_fc.bias", [inner]);
            yield return ($"h.{i}.mlp.c_proj.weight", [inner, width]);
            yield return ($"h.{i}.mlp.c_proj.bias", [width]);
        }

        yield return ("ln_f.weight", [width]);
        yield return ("ln_f.bias", [width]);
        if (config.IsClassifier)
        {
            yield return (SequenceHead.WeightName, [config.Labels.Count, width]);
        }

        if (config.HasHead)
        {
            yield return (WeightNames.Head, [config.VocabularySize, width]);
        }
    }

    /// <summary>Beginning of the names of a value head, as TRL stores it beside the policy.</summary>
    private const string ValueHead = "v_head.";

    /// <summary>
    /// Loads all weights, with or without prefix. Ignores masks and a value head. A stored output matrix that is tied must equal the embedding.
    /// </summary>
    /// <returns>The names of <see cref="Expected"/> with their values, all finite.</returns>
    /// <exception cref="CheckpointException">A tensor is missing, not expected, of another shape, or not finite.</exception>
    public static IReadOnlyDictionary<string, float[]> Load(Weights weights, Gpt2Config config)
    {
        IReadOnlyDictionary<string, float[]> loaded = ModelWeights.Load(
            weights,
            Expected(config),
            WeightNames.InGraph,
            name => (name == WeightNames.Head && !config.HasHead) || name.StartsWith(ValueHead, StringComparison.Ordinal) || MaskBuffer().IsMatch(name));
        if (config.TiesHead)
        {
            ModelWeights.RequireTiedHead(weights, loaded[WeightNames.Embedding], config.VocabularySize, config.HiddenSize);
        }

        if (weights.Tensors.Any(tensor => tensor.Name.StartsWith(ValueHead, StringComparison.Ordinal)))
        {
            Display.OnErrors().Line($"{weights.Path}: the value head {ValueHead}* is ignored.");
        }

        return loaded;
    }

    [GeneratedRegex(@"^h\.[0-9]+\.attn\.(bias|masked_bias)$")]
    private static partial Regex MaskBuffer();
}
