namespace Rudder.Engine;

/// <summary>Where graphs compute.</summary>
public enum GraphDevice
{
    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>The first NVIDIA GPU that CUDA shows the process (CUDA_VISIBLE_DEVICES chooses among several).</summary>
    Cuda,
}
