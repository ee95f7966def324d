namespace Rudder.Engine;

/// <summary>Device that runs the graphs.</summary>
public enum GraphDevice
{
    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>The first NVIDIA GPU that CUDA shows the process (CUDA_VISIBLE_DEVICES chooses among several).</summary>
    Cuda,
}
