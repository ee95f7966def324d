using System.ComponentModel.DataAnnotations;
using Rudder.Checkpoints;
using Rudder.Engine;

namespace Rudder.InferenceService.Settings;

/// <summary>One model to load at start.</summary>
internal sealed class ModelOptions
{
    /// <summary>Name that calls use: a letter or digit, then up to 127 letters, digits, dots, dashes and underscores. Required.</summary>
    [Required]
    [RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
    public string Name { get; init; } = "";

    /// <summary>Model folder, relative to the current folder; its <c>onnx/</c> holds the graphs. Required.</summary>
    [Required]
    public string Path { get; init; } = "";

    /// <summary>Engine: slots (continuous batching) or genai (ONNX Runtime GenAI). Classifiers ignore it. Default slots.</summary>
    [EnumDataType(typeof(EngineKind))]
    public EngineKind Engine { get; init; } = EngineKind.Slots;

    /// <summary>Precision of the graphs to load: fp32, int8 (cpu), or fp16 (generators on cuda). Default fp32.</summary>
    [EnumDataType(typeof(GraphPrecision))]
    public GraphPrecision Precision { get; init; } = GraphPrecision.Fp32;

    public ModelSource ToSource() => new(Name, Path, Engine, Precision);
}
