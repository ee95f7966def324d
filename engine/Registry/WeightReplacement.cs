using System.Numerics.Tensors;
using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Kernels;

namespace Rudder.Engine.Registry;

/// <summary>Replaces the weights of a loaded model in place, between two requests.</summary>
internal static class WeightReplacement
{
    private const string Field = "weights";

    /// <summary>Refuses a model whose weights should be replaceable but cannot be.</summary>
    /// <exception cref="RequestFault">It is not an fp32 generator on the slots engine and the processor.</exception>
    public static void Require(ModelSource source, ModelConfig config, GraphDevice device)
    {
        bool can = source is { Engine: EngineKind.Slots, Precision: GraphPrecision.Fp32 } && device == GraphDevice.Cpu && !config.IsClassifier;
        if (source.ReplaceableWeights && !can)
        {
            string kind = config.IsClassifier ? "classifier" : "generator";
            throw new RequestFault(
                "ReplaceableWeights",
                $"is set for a {GraphFiles.Name(source.Precision)} {kind} of the engine {source.Engine} on the device {device}",
                "only the weights of fp32 generators of the engine Slots on the device Cpu can be replaced",
                "Leave it out, or load such a model.",
                FaultKind.Unsupported);
        }
    }

    /// <summary>Checks the new weights, waits until no request uses the old ones, and writes them.</summary>
    /// <param name="model">The model.</param>
    /// <param name="weights">All weights by name, row-major.</param>
    /// <param name="cancellation">Ends the wait; nothing is changed then.</param>
    /// <returns>The version of the new weights.</returns>
    /// <exception cref="RequestFault">The weights cannot be replaced, or the new ones do not fit. Nothing is changed.</exception>
    public static async Task<long> RunAsync(
        LoadedModel model, IReadOnlyDictionary<string, ReadOnlyMemory<float>> weights, CancellationToken cancellation)
    {
        if (model is not { Weights: { } owner, Generator: SlotEngine engine })
        {
            throw new RequestFault(
                "model",
                $"is '{model.Description.Name}', which was loaded without ReplaceableWeights",
                "its weights cannot be replaced",
                "Load it with ReplaceableWeights, or load the new weights as a model of their own.",
                FaultKind.Unsupported);
        }

        var named = await Task.Run(() => Checked(owner.Places, weights), cancellation);
        using var pinned = new PinnedWeights(named);         // before the first write: only whole weights may be in use
        using var alone = await model.ScoringGate.EnterAsync(alone: true, cancellation);
        return await engine.ChangeWeightsAsync(() => owner.Replace(pinned), cancellation);
    }

    /// <summary>The new weights under the names of the graphs.</summary>
    /// <exception cref="RequestFault">A weight is missing, unknown, given twice, of another length or not finite.</exception>
    private static Dictionary<string, ReadOnlyMemory<float>> Checked(
        IReadOnlyCollection<WeightPlace> places, IReadOnlyDictionary<string, ReadOnlyMemory<float>> weights)
    {
        var named = new Dictionary<string, ReadOnlyMemory<float>>(StringComparer.Ordinal);
        bool isTied = places.All(place => place.Name != WeightNames.Head);
        foreach (var (name, values) in weights.Where(pair => !isTied || pair.Key != WeightNames.Head))
        {
            if (!named.TryAdd(WeightNames.InGraph(name), values))
            {
                throw Fault(name, "is given twice, with and without a prefix", "each weight is given once", "Leave one out.");
            }
        }

        CheckNames(places, named);
        string embedding = named.ContainsKey(WeightNames.LlamaEmbedding) ? WeightNames.LlamaEmbedding : WeightNames.Embedding;
        if (isTied && weights.TryGetValue(WeightNames.Head, out var head)
            && !(named.TryGetValue(embedding, out var table) && head.Span.SequenceEqual(table.Span)))
        {
            throw Fault(WeightNames.Head, $"differs from {embedding}", "the model has one table for both", "Leave it out.");
        }

        // NaN and infinities win in this maximum.
        var wild = places.AsParallel().FirstOrDefault(place => !float.IsFinite(TensorPrimitives.MaxMagnitude(named[place.Name].Span)));
        return wild is null
            ? named
            : throw Fault(wild.Name, "has a number that is NaN or infinite", "weights are finite", "The training run has diverged.");
    }

    private static void CheckNames(IReadOnlyCollection<WeightPlace> places, Dictionary<string, ReadOnlyMemory<float>> named)
    {
        foreach (var place in places)
        {
            CheckLength(place, named);
        }

        var known = places.Select(place => place.Name).ToHashSet(StringComparer.Ordinal);
        if (named.Keys.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
        {
            throw Fault(unknown, "is not a weight of the model", $"it has {known.Count} weights", "Leave it out.");
        }
    }

    private static void CheckLength(WeightPlace place, Dictionary<string, ReadOnlyMemory<float>> named)
    {
        if (!named.TryGetValue(place.Name, out var values))
        {
            throw Fault(place.Name, "is missing", "a replacement gives every weight", "Add it.");
        }

        if (values.Length != place.Length)
        {
            string shape = string.Join(',', place.Shape);
            throw Fault(place.Name, $"has {values.Length} numbers", $"its shape [{shape}] takes {place.Length}", "Give it in that shape.");
        }
    }

    private static RequestFault Fault(string name, string value, string limit, string remedy) =>
        new($"{Field}[{name}]", value, limit, remedy);
}
