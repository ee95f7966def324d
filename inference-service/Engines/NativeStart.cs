using System.Runtime.CompilerServices;
using Rudder.Checkpoints;

namespace Rudder.InferenceService.Engines;

/// <summary>Prepares the native environment before this program's first line runs.</summary>
internal static class NativeStart
{
    [ModuleInitializer]
    internal static void Run()
    {
        NativeEnvironment.Prepare();
        NativeHeap.ShareHeaps();
    }
}
