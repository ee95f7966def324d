using System.Runtime.CompilerServices;
using Rudder.Checkpoints;
using Rudder.Engine.Kernels;

namespace Rudder.Trainer;

/// <summary>Prepares the native environment and the heap before this program's first line runs.</summary>
internal static class NativeStart
{
    [ModuleInitializer]
    internal static void Run()
    {
        NativeEnvironment.Prepare();
        NativeHeap.KeepForTensors();
    }
}
