namespace Rudder.Checkpoints;

/// <summary>Loads all weights of a model under canonical names. Refuses missing and extra tensors and wrong shapes.</summary>
public static class ModelWeights
{
    /// <summary>Loads the weights of a model family.</summary>
    /// <param name="weights">The tensors as stored.</param>
    /// <param name="expected">Canonical name and shape of every weight.</param>
    /// <param name="canonical">The canonical name of a stored tensor.</param>
    /// <param name="ignored">Whether to ignore an extra tensor of this canonical name.</param>
    /// <returns>The expected names with their values, all finite.</returns>
    /// <exception cref="CheckpointException">A tensor is missing or unexpected, has the wrong shape, or is not finite.</exception>
    public static IReadOnlyDictionary<string, float[]> Load(
        Weights weights, IEnumerable<(string Name, long[] Shape)> expected, Func<string, string> canonical, Func<string, bool> ignored)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(canonical);
        ArgumentNullException.ThrowIfNull(ignored);
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

    /// <summary>Requires that a stored output matrix equals the token embedding that it is tied to.</summary>
    /// <param name="weights">The tensors as stored; without an output matrix nothing is checked.</param>
    /// <param name="embedding">The token embedding, [V,D].</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="width">D.</param>
    /// <exception cref="CheckpointException">They differ.</exception>
    public static void RequireTiedHead(Weights weights, float[] embedding, int vocabulary, int width)
    {
        ArgumentNullException.ThrowIfNull(weights);
        if (!weights.Contains(WeightNames.Head))
        {
            return;
        }

        float[] head = weights.ReadFloat32(WeightNames.Head, vocabulary, width);
        int differs = head.AsSpan().CommonPrefixLength(embedding);
        if (differs < head.Length)
        {
            throw new CheckpointException(
                $"{weights.Path}: tensor '{WeightNames.Head}' differs from the token embedding at index {differs}: expected {embedding[differs]}, "
                + $"found {head[differs]}. {ModelFiles.Config} ties the output matrix to the embedding; fetch the model again.");
        }
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

    private static string Some(List<string> names) => string.Join(", ", names.Take(4)) + (names.Count > 4 ? ", …" : "");
}
