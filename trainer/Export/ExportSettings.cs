using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Export;

/// <summary>Selects the graphs to export and limits how far int8 and float16 may differ from float32. docs/export.md documents each key.</summary>
internal record ExportSettings
{
    /// <summary>
    /// Default bound on the mean KL(fp32‖int8) per token, nats. See docs/export.md for measurements.
    /// </summary>
    public const double DefaultInt8MaxKl = 0.005;

    /// <summary>Default bound on the mean KL(fp32‖fp16) per token, nats: a fifth of int8's bound.</summary>
    public const double DefaultFp16MaxKl = 0.001;

    public bool Fp32 { get; init; } = true;
    public bool Int8 { get; init; }
    public bool Fp16 { get; init; }

    /// <summary>Whether anything is exported at all.</summary>
    internal bool Writes => Fp32 || Int8 || Fp16;

    [Range(1e-9, 1e3)] public double Int8MaxKl { get; init; } = DefaultInt8MaxKl;
    [Range(1e-9, 1e3)] public double Fp16MaxKl { get; init; } = DefaultFp16MaxKl;
    public string? Texts { get; init; }
}
