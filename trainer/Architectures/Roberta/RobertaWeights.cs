using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Architectures.Roberta;

/// <summary>
/// Translates between Hugging Face's RoBERTa tensors (separate query, key and value; [out,in]) and the classifier's
/// parameters (one fused product; [in,out]).
/// </summary>
internal static class RobertaWeights
{
    private static readonly (string Ours, string Theirs)[] Tables =
    [
        ("words.weight", "roberta.embeddings.word_embeddings.weight"),
        ("positions.weight", "roberta.embeddings.position_embeddings.weight"),
        ("types.weight", "roberta.embeddings.token_type_embeddings.weight"),
        ("norm.weight", "roberta.embeddings.LayerNorm.weight"),
        ("norm.bias", "roberta.embeddings.LayerNorm.bias"),
    ];

    private static readonly (string Ours, string Theirs)[] LayerNorms =
    [
        ("attentionNorm", "attention.output.LayerNorm"),
        ("outputNorm", "output.LayerNorm"),
    ];

    private static readonly (string Ours, string[] Theirs)[] LayerProducts =
    [
        ("qkv", ["attention.self.query", "attention.self.key", "attention.self.value"]),
        ("attention", ["attention.output.dense"]),
        ("inner", ["intermediate.dense"]),
        ("output", ["output.dense"]),
    ];

    /// <summary>Fills the model from tensors under Hugging Face names.</summary>
    public static void Fill(RobertaClassifier model, IReadOnlyDictionary<string, float[]> weights)
    {
        var ours = model.Parameters.ToDictionary(p => p.Name);
        foreach ((string name, string theirs) in CopiedAsTheyAre(model.Config.Layers))
        {
            NamedParameters.Fill(ours[name], weights[theirs]);
        }

        foreach ((string name, string[] theirs) in Products(model.Config.Layers))
        {
            float[] weight = Join(theirs, ".weight"); // [out,in]
            int inputs = (int)ours[name + ".weight"].Value.shape[0];
            NamedParameters.Fill(ours[name + ".weight"], Quantization.Transpose(weight, weight.Length / inputs, inputs));
            NamedParameters.Fill(ours[name + ".bias"], Join(theirs, ".bias"));
        }

        float[] Join(string[] names, string suffix) => [.. names.SelectMany(n => weights[n + suffix])];
    }

    /// <summary>The model's tensors under Hugging Face names, in the order and shapes of <see cref="RobertaNames"/>.</summary>
    public static IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> Collect(RobertaClassifier model)
    {
        var ours = model.Parameters.ToDictionary(p => p.Name, p => NamedParameters.Values(p.Value));
        var result = new Dictionary<string, ReadOnlyMemory<float>>();
        foreach ((string name, string theirs) in CopiedAsTheyAre(model.Config.Layers))
        {
            result[theirs] = ours[name];
        }

        foreach ((string name, string[] theirs) in Products(model.Config.Layers))
        {
            float[] bias = ours[name + ".bias"];
            float[] stored = ours[name + ".weight"];
            float[] weight = Quantization.Transpose(stored, stored.Length / bias.Length, bias.Length); // [out,in]
            for (int i = 0; i < theirs.Length; i++)
            {
                int rows = weight.Length / theirs.Length;
                int outputs = bias.Length / theirs.Length;
                result[theirs[i] + ".weight"] = weight.AsMemory(i * rows, rows);
                result[theirs[i] + ".bias"] = bias.AsMemory(i * outputs, outputs);
            }
        }

        return [.. RobertaNames.Expected((RobertaConfig)model.Config).Select(e => (e.Name, e.Shape, result[e.Name]))];
    }

    private static IEnumerable<(string Ours, string Theirs)> CopiedAsTheyAre(int layers) =>
        Tables.Concat(
            from layer in Enumerable.Range(0, layers)
            from pair in LayerNorms
            from part in new[] { ".weight", ".bias" }
            select ($"layers.{layer}.{pair.Ours}{part}", $"roberta.encoder.layer.{layer}.{pair.Theirs}{part}"));

    private static IEnumerable<(string Ours, string[] Theirs)> Products(int layers)
    {
        for (int layer = 0; layer < layers; layer++)
        {
            foreach ((string ours, string[] theirs) in LayerProducts)
            {
                yield return ($"layers.{layer}.{ours}", [.. theirs.Select(t => $"roberta.encoder.layer.{layer}.{t}")]);
            }
        }

        yield return ("dense", ["classifier.dense"]);
        yield return ("projection", ["classifier.out_proj"]);
    }
}
