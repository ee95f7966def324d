using Rudder.InferenceService.Engines;
using Rudder.InferenceService.Options;

namespace Rudder.InferenceService.Registry;

/// <summary>What to load under which name.</summary>
/// <param name="Name">Name that calls use.</param>
/// <param name="Folder">Model folder, absolute.</param>
/// <param name="Engine">What decodes a generator.</param>
/// <param name="Precision">Which graphs are loaded.</param>
internal sealed record ModelSource(string Name, string Folder, EngineKind Engine, GraphPrecision Precision)
{
    /// <summary>A model of the settings; its path is relative to the current folder.</summary>
    public static ModelSource From(ModelOptions model) => new(model.Name, Path.GetFullPath(model.Path), model.Engine, model.Precision);
}
