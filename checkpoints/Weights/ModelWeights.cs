using System.Text.RegularExpressions;

namespace Rudder.Checkpoints;

/// <summary>Loads all weights of a model under canonical names, and refuses a folder that lacks one, has one too many, or has one of another shape.</summary>
public static partial class ModelWeights
{
    private const string Head = "lm_head.weight";
    private const string Embedding = "wte.weight";

    /// <summary>GPT-2: names with or without <c>transformer.</c>; mask buffers are ignored; a stored output matrix must equal the embedding.</summary>
    /// <param name="folder">A model folder.</param>
    /// <param name="config">Its shape.</param>
    /// <returns>The names of <see cref="Gpt2Names.Expected"/> with their values, all finite.</returns>
    public static IReadOnlyDictionary<string, float[]> LoadGpt2(string folder, Gpt2Config config)
    {
        using var weights = Weights.Open(folder);
        return LoadGpt2(weights, config);
    }

    /// <summary>GPT-2 from opened weights.</summary>
    /// <param name="weights">The tensors.</param>
    /// <param name="config">Their shape.</param>
    public static IReadOnlyDictionary<string, float[]> LoadGpt2(Weights weights, Gpt2Config config)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var loaded = Load(weights, Gpt2Names.Expected(config), Canonical, name => name == Head || MaskBuffer().IsMatch(name));
        CheckTiedHead(weights, loaded[Embedding], config);
        return loaded;
    }

    /// <summary>A RoBERTa classifier; position ids and an unused pooler are ignored.</summary>
    /// <param name="folder">A model folder.</param>
    /// <param name="config">Its shape.</param>
    /// <returns>The names of <see cref="RobertaNames.Expected"/> with their values, all finite.</returns>
    public static IReadOnlyDictionary<string, float[]> LoadRoberta(string folder, RobertaConfig config)
    {
        using var weights = Weights.Open(folder);
        return LoadRoberta(weights, config);
    }

    /// <summary>A RoBERTa classifier from opened weights.</summary>
    /// <param name="weights">The tensors.</param>
    /// <param name="config">Their shape.</param>
    public static IReadOnlyDictionary<string, float[]> LoadRoberta(Weights weights, RobertaConfig config)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return Load(weights, RobertaNames.Expected(config), name => name, name => UnusedInClassifier().IsMatch(name));
    }

    private static Dictionary<string, float[]> Load(
        Weights weights, IEnumerable<(string Name, long[] Shape)> expected, Func<string, string> canonical, Func<string, bool> ignored)
    {
        var stored = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var tensor in weights.Tensors)
        {
            if (!stored.TryAdd(canonical(tensor.Name), tensor.Name))
            {
                throw new CheckpointException(
                    $"{weights.Path}: '{tensor.Name}' and '{stored[canonical(tensor.Name)]}' are the same weight. Keep one of them.");
            }
        }

        var wanted = expected.ToList();
        RefuseMissing(weights, wanted.Select(w => w.Name).Where(name => !stored.ContainsKey(name)).ToList());
        var known = wanted.Select(w => w.Name).ToHashSet(StringComparer.Ordinal);
        RefuseUnexpected(weights, stored.Where(s => !known.Contains(s.Key) && !ignored(s.Key)).Select(s => s.Value).ToList());
        return wanted.ToDictionary(w => w.Name, w => weights.ReadFloat32(stored[w.Name], w.Shape), StringComparer.Ordinal);
    }

    private static void RefuseMissing(Weights weights, List<string> names)
    {
        if (names.Count > 0)
        {
            throw new CheckpointException(
                $"{weights.Path}: {names.Count} expected tensors are missing: {Some(names)}. The checkpoint is incomplete, or {ModelFiles.Config} belongs to another model.");
        }
    }

    private static void RefuseUnexpected(Weights weights, List<string> names)
    {
        if (names.Count > 0)
        {
            throw new CheckpointException(
                $"{weights.Path}: {names.Count} tensors have no place in the model: {Some(names)}. {ModelFiles.Config} belongs to another model, or the architecture is another.");
        }
    }

    private static void CheckTiedHead(Weights weights, float[] embedding, Gpt2Config config)
    {
        if (!weights.Contains(Head))
        {
            return;
        }

        float[] head = weights.ReadFloat32(Head, config.VocabularySize, config.HiddenSize);
        int differs = head.AsSpan().CommonPrefixLength(embedding);
        if (differs < head.Length)
        {
            throw new CheckpointException(
                $"{weights.Path}: tensor '{Head}' differs from the token embedding at index {differs}: expected {embedding[differs]}, found {head[differs]}. "
                + $"Only models whose output matrix is tied to the embedding are supported.");
        }
    }

    private static string Some(List<string> names) => string.Join(", ", names.Take(4)) + (names.Count > 4 ? ", …" : "");

    private static string Canonical(string name) => name.StartsWith(Gpt2Names.Prefix, StringComparison.Ordinal) ? name[Gpt2Names.Prefix.Length..] : name;

    [GeneratedRegex(@"^h\.[0-9]+\.attn\.(bias|masked_bias)$")]
    private static partial Regex MaskBuffer();

    [GeneratedRegex(@"^roberta\.(embeddings\.position_ids|pooler\.dense\.(weight|bias))$")]
    private static partial Regex UnusedInClassifier();
}
