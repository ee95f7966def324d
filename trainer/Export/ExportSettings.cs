using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Export;

/// <summary>What is exported to ONNX and how close int8 and float16 must stay to float32.</summary>
internal record ExportSettings
{
    /// <summary>
    /// Bound on int8's mean KL(fp32‖int8) per token where none is set, nats. See docs/export.md for what was measured.
    /// </summary>
    public const double DefaultInt8MaxKl = 0.005;

    /// <summary>Bound on float16's mean KL(fp32‖fp16) per token where none is set, nats: a fifth of what int8 may cost.</summary>
    public const double DefaultFp16MaxKl = 0.001;

    /// <summary>Write the float32 graphs: model.onnx, and a language model's logprobs.onnx.</summary>
    public bool Fp32 { get; init; } = true;

    /// <summary>Write the int8 graph beside them: model_quantized.onnx.</summary>
    public bool Int8 { get; init; }

    /// <summary>Write the float16 decoder beside them, model_fp16.onnx, for sampling on a GPU; a classifier has none.</summary>
    public bool Fp16 { get; init; }

    /// <summary>Whether anything is exported at all.</summary>
    internal bool Writes => Fp32 || Int8 || Fp16;

    /// <summary>Largest mean KL(fp32‖int8), nats per token (per text for a classifier), with which int8 is accepted.</summary>
    [Range(1e-9, 1e3)] public double Int8MaxKl { get; init; } = DefaultInt8MaxKl;

    /// <summary>Largest mean KL(fp32‖fp16), nats per token, with which float16 is accepted.</summary>
    [Range(1e-9, 1e3)] public double Fp16MaxKl { get; init; } = DefaultFp16MaxKl;

    /// <summary>File of texts (reviews as JSON lines) on which graphs are checked.</summary>
    public string? Texts { get; init; }
}
