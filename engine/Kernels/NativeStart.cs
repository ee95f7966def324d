using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Rudder.Checkpoints;

namespace Rudder.Engine.Kernels;

/// <summary>Prepares the native environment when this assembly loads, before any of its types can start ONNX Runtime.</summary>
internal static class NativeStart
{
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "ONNX Runtime reads its environment once, at its first use; every type of this assembly may be that use.")]
    internal static void Run()
    {
        NativeEnvironment.Prepare();
        NativeHeap.ShareHeaps();
    }
}
