using Rudder.Checkpoints;

namespace Rudder.Engine.Registry;

/// <summary>
/// Checks that a device supports an engine and a precision. ONNX Runtime would run the others too, but copy all data to the processor
/// and back.
/// </summary>
internal static class DevicePlacement
{
    /// <summary>Refuses a model if the device lacks kernels for it.</summary>
    /// <exception cref="RequestFault">The device does not support it. The message names what would work.</exception>
    public static void Require(ModelSource source, ModelConfig config, GraphDevice device)
    {
        if (Fault(source, config.IsClassifier, device) is { } fault)
        {
            throw RequestFault.Unusable($"{source.Folder}: {fault}");
        }
    }

    private static string? Fault(ModelSource source, bool isClassifier, GraphDevice device)
    {
        if (device == GraphDevice.Cpu)
        {
            return source.Precision == GraphPrecision.Fp16
                ? "precision is fp16, which a processor computes ten times slower than fp32. Use fp32 or int8, or set Device to cuda."
                : null;
        }

        if (isClassifier)
        {
            return source.Precision == GraphPrecision.Fp32
                ? null
                : $"precision is {GraphFiles.Name(source.Precision)}; on cuda a classifier runs in fp32. Use fp32, or set Device to cpu.";
        }

        if (source.Engine == EngineKind.GenAi)
        {
            return "engine is genai, which runs on the processor only. Use the slots engine, or set Device to cpu.";
        }

        return source.Precision == GraphPrecision.Fp16
            ? null
            : $"precision is {GraphFiles.Name(source.Precision)}; on cuda a generator runs in fp16, the only precision of its attention there. "
                + "Export it with: trainer export --set fp16=true, and use fp16; or set Device to cpu.";
    }
}
