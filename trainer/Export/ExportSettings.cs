using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Export;

/// <summary>Selects the graphs to export and limits how far int8 and float16 may differ from float32.</summary>
internal record ExportSettings
{
    /// <summary>
    /// Default bound on the mean KL(fp32‖int8) per token, nats. See docs/export.md for measurements.
    /// </summary>
    public const double DefaultInt8MaxKl = 0.005;

    /// <summary>Default bound on the mean KL(fp32‖fp16) per token, nats: a fifth of int8's bound.</summary>
    public const double DefaultFp16MaxKl = 0.001;

    /// <summary>Write the float32 graphs: model.onnx, and a language model's logprobs.onnx.</summary>
    public bool Fp32 { get; init; } = true;

    /// <summary>Write the int8 graph beside them: model_quantized.onnx.</summary>
    public bool Int8 { get; init; }

    /// <summary>Write the float16 decoder beside them, model_fp16.onnx, for sampling on a GPU; a classifier has none.</summary>
    public bool Fp16 { get; init; }

    /// <summary>Whether anything is exported at all.</summary>
    internal bool Writes => Fp32 || Int8 || Fp16;

    /// <summary>Bound on the mean KL(fp32‖int8), nats per token (per text for a classifier).</summary>
    [Range(1e-9, 1e3)] public double Int8MaxKl { get; init; } = DefaultInt8MaxKl;

    /// <summary>Bound on the mean KL(fp32‖fp16), nats per token.</summary>
    [Range(1e-9, 1e3)] public double Fp16MaxKl { get; init; } = DefaultFp16MaxKl;

    /// <summary>File of texts (reviews as JSON lines) for checking graphs.</summary>
    public string? Texts { get; init; }
}
