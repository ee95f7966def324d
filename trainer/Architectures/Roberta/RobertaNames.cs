using System.Text.RegularExpressions;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Architectures.Roberta;

/// <summary>A RoBERTa classifier's weights in checkpoints: names and shapes as Hugging Face writes them.</summary>
internal static partial class RobertaNames
{
    /// <summary>Every tensor of a model, in order. Matrices are [out, in].</summary>
    public static IEnumerable<(string Name, long[] Shape)> Expected(RobertaConfig config)
    {
        long width = config.HiddenSize, inner = config.IntermediateSize;
        yield return ("roberta.embeddings.word_embeddings.weight", [config.VocabularySize, width]);
        yield return ("roberta.embeddings.position_embeddings.weight", [config.MaxPositions, width]);
        yield return ("roberta.embeddings.token_type_embeddings.weight", [config.TypeVocabularySize, width]);
        foreach (var pair in Norm("roberta.embeddings.LayerNorm", width))
        {
            yield return pair;
        }

        for (int i = 0; i < config.Layers; i++)
        {
            string layer = $"roberta.encoder.layer.{i}";
            (string, long[])[][] parts =
            [
                Dense($"{layer}.attention.self.query", width, width), Dense($"{layer}.attention.self.key", width, width),
                Dense($"{layer}.attention.self.value", width, width), Dense($"{layer}.attention.output.dense", width, width),
                Norm($"{layer}.attention.output.LayerNorm", width), Dense($"{layer}.intermediate.dense", inner, width),
                Dense($"{layer}.output.dense", width, inner), Norm($"{layer}.output.LayerNorm", width),
            ];
            foreach (var pair in parts.SelectMany(p => p))
            {
                yield return pair;
            }
        }

        foreach (var pair in Dense("classifier.dense", width, width).Concat(Dense("classifier.out_proj", config.Labels.Count, width)))
        {
            yield return pair;
        }
    }

    /// <summary>Loads all weights. Ignores position ids and an unused pooler.</summary>
    /// <returns>The names of <see cref="Expected"/> with their values, all finite.</returns>
    /// <exception cref="CheckpointException">A tensor is missing, not expected, of another shape, or not finite.</exception>
    public static IReadOnlyDictionary<string, float[]> Load(Weights weights, RobertaConfig config) =>
        ModelWeights.Load(weights, Expected(config), name => name, name => Unused().IsMatch(name));

    [GeneratedRegex(@"^roberta\.(embeddings\.position_ids|pooler\.dense\.(weight|bias))$")]
    private static partial Regex Unused();

    private static (string, long[])[] Dense(string name, long outputs, long inputs) =>
        [($"{name}.weight", [outputs, inputs]), ($"{name}.bias", [outputs])];

    private static (string, long[])[] Norm(string name, long width) => [($"{name}.weight", [width]), ($"{name}.bias", [width])];
}
