namespace Rudder.Engine;

/// <summary>Engine that decodes for a generator.</summary>
public enum EngineKind
{
    /// <summary>Continuous batching on ONNX Runtime.</summary>
    Slots,

    /// <summary>ONNX Runtime GenAI.</summary>
    GenAi,
}
