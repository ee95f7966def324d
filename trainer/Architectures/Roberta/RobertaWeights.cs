using System.Text.RegularExpressions;
using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Architectures.Roberta;

/// <summary>
/// A RoBERTa classifier's weights in checkpoints: names and shapes as Hugging Face writes them (separate query, key and value; [out,in]),
/// and their way into the classifier's parameters (one fused product; [in,out]) and back.
/// </summary>
internal static partial class RobertaWeights
{
    /// <summary>Every tensor of a model, in order. Matrices are [out, in].</summary>
    public static IEnumerable<(string Name, long[] Shape)> Expected(RobertaConfig config) =>
    [
        .. Tables(config).Select(table => (table.Theirs, (long[])[table.Rows, config.HiddenSize])),
        .. from part in Parts(config)
           from name in part.Theirs
           from tensor in new[] { ($"{name}.weight", part.Inputs == 0 ? [part.Outputs] : (long[])[part.Outputs, part.Inputs]), ($"{name}.bias", [part.Outputs]) }
           select tensor,
    ];

    /// <summary>Loads all weights. Ignores position ids and an unused pooler.</summary>
    /// <returns>The names of <see cref="Expected"/> with their values, all finite.</returns>
    /// <exception cref="CheckpointException">A tensor is missing, not expected, of another shape, or not finite.</exception>
    public static IReadOnlyDictionary<string, float[]> Load(Weights weights, RobertaConfig config) =>
        ModelWeights.Load(weights, Expected(config), name => name, name => Unused().IsMatch(name));

    /// <summary>Fills the model from tensors under Hugging Face names.</summary>
    public static void Fill(RobertaClassifier model, IReadOnlyDictionary<string, float[]> weights)
    {
        var config = (RobertaConfig)model.Config;
        var ours = model.Parameters.ToDictionary(p => p.Name);
        foreach ((string name, string theirs, _) in Tables(config))
        {
            NamedParameters.Fill(ours[name], weights[theirs]);
        }

        foreach (Part part in Parts(config))
        {
            float[] weight = Join(part.Theirs, ".weight"); // [out,in]
            NamedParameters.Fill(ours[part.Ours + ".weight"], part.Inputs == 0 ? weight : Quantization.Transpose(weight, weight.Length / part.Inputs, part.Inputs));
            NamedParameters.Fill(ours[part.Ours + ".bias"], Join(part.Theirs, ".bias"));
        }

        float[] Join(string[] names, string suffix) => [.. names.SelectMany(n => weights[n + suffix])];
    }

    /// <summary>The model's tensors under Hugging Face names, in the order and shapes of <see cref="Expected"/>.</summary>
    public static IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> Collect(RobertaClassifier model)
    {
        var config = (RobertaConfig)model.Config;
        var ours = model.Parameters.ToDictionary(p => p.Name, p => NamedParameters.Values(p.Value));
        var result = Tables(config).ToDictionary(table => table.Theirs, table => (ReadOnlyMemory<float>)ours[table.Ours]);
        foreach (Part part in Parts(config))
        {
            float[] stored = ours[part.Ours + ".weight"];
            float[] weight = part.Inputs == 0 ? stored : Quantization.Transpose(stored, part.Inputs, stored.Length / part.Inputs); // [out,in]
            for (int i = 0; i < part.Theirs.Length; i++)
            {
                int values = weight.Length / part.Theirs.Length;
                result[part.Theirs[i] + ".weight"] = weight.AsMemory(i * values, values);
                result[part.Theirs[i] + ".bias"] = ours[part.Ours + ".bias"].AsMemory(i * part.Outputs, part.Outputs);
            }
        }

        return [.. Expected(config).Select(e => (e.Name, e.Shape, result[e.Name]))];
    }

    private static (string Ours, string Theirs, int Rows)[] Tables(RobertaConfig config) =>
    [
        ("words.weight", "roberta.embeddings.word_embeddings.weight", config.VocabularySize),
        ("positions.weight", "roberta.embeddings.position_embeddings.weight", config.MaxPositions),
        ("types.weight", "roberta.embeddings.token_type_embeddings.weight", config.TypeVocabularySize),
    ];

    private static IEnumerable<Part> Parts(RobertaConfig config)
    {
        (int width, int inner) = (config.HiddenSize, config.IntermediateSize);
        yield return new Part("norm", ["roberta.embeddings.LayerNorm"], width, 0);
        for (int i = 0; i < config.Layers; i++)
        {
            (string ours, string theirs) = ($"layers.{i}.", $"roberta.encoder.layer.{i}.");
            string self = theirs + "attention.self.";
            yield return new Part(ours + "qkv", [self + "query", self + "key", self + "value"], width, width);
            yield return new Part(ours + "attention", [theirs + "attention.output.dense"], width, width);
            yield return new Part(ours + "attentionNorm", [theirs + "attention.output.LayerNorm"], width, 0);
            yield return new Part(ours + "inner", [theirs + "intermediate.dense"], inner, width);
            yield return new Part(ours + "output", [theirs + "output.dense"], width, inner);
            yield return new Part(ours + "outputNorm", [theirs + "output.LayerNorm"], width, 0);
        }

        yield return new Part("dense", ["classifier.dense"], width, width);
        yield return new Part("projection", ["classifier.out_proj"], config.Labels.Count, width);
    }

    [GeneratedRegex(@"^roberta\.(embeddings\.position_ids|pooler\.dense\.(weight|bias))$")]
    private static partial Regex Unused();

    /// <summary>A weight and a bias of ours, made of one or several of theirs.</summary>
    /// <param name="Ours">Prefix of our parameters.</param>
    /// <param name="Theirs">Prefixes of their tensors, side by side in ours.</param>
    /// <param name="Outputs">Length of each of their biases.</param>
    /// <param name="Inputs">Columns of each of their matrices; 0 for a layer normalization.</param>
    private sealed record Part(string Ours, string[] Theirs, int Outputs, int Inputs);
}
