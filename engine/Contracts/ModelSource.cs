using Rudder.Checkpoints;

namespace Rudder.Engine;

/// <summary>A model folder to load, and the name to load it under.</summary>
/// <param name="Name">Name that requests use: a letter or digit, then up to 127 letters, digits, dots, dashes and underscores.</param>
/// <param name="Folder">Model folder. A relative path is relative to the current folder.</param>
/// <param name="Engine">Engine of a generator; classifiers ignore it. Default: the slot engine.</param>
/// <param name="Precision">Precision of the exported graph to load. Default fp32.</param>
public sealed record ModelSource(string Name, string Folder, EngineKind Engine = EngineKind.Slots, GraphPrecision Precision = GraphPrecision.Fp32)
{
    /// <summary>
    /// Whether the weights can be replaced in place (<c>EngineHost.ReplaceWeightsAsync</c>). Default false. Only fp32 generators of the
    /// slots engine on the processor can. Their embeddings, norms and biases are then copied into memory instead of mapped from the file,
    /// and without AVX-512 products are slower.
    /// </summary>
    public bool ReplaceableWeights { get; init; }

    /// <summary>
    /// Called before and after the files are read; throws to refuse a folder that no longer lies in an allowed place. Default null: it may
    /// lie anywhere.
    /// </summary>
    public Action? RequireInPlace { get; init; }
}
