using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>Keeps what native code has freed from staying in this process.</summary>
/// <remarks>
/// The C library keeps what is freed, in a heap of each thread's own, and sessions bring their threads: after an unloaded model
/// megabytes stay behind that no later model fits into. One walk over the heaps, a few milliseconds, returns them.
/// </remarks>
internal static unsafe class NativeHeap
{
    private const int ArenaMax = -8;                         // M_ARENA_MAX
    private const int Arenas = 2;
    private static readonly delegate* unmanaged<nuint, int> MallocTrim = (delegate* unmanaged<nuint, int>)Find("malloc_trim");
    private static readonly delegate* unmanaged<int, int, int> MallOpt = (delegate* unmanaged<int, int, int>)Find("mallopt");

    /// <summary>Lets threads share a few heaps instead of having one each: sessions allocate when they open, hardly while they run.</summary>
    public static void ShareHeaps()
    {
        if (MallOpt != null)
        {
            _ = MallOpt(ArenaMax, Arenas);
        }
    }

    /// <summary>Gives what is free back to the system; does nothing where the C library has no such call (only glibc has).</summary>
    public static void Trim()
    {
        if (MallocTrim != null)
        {
            _ = MallocTrim(0);
        }
    }

    private static nint Find(string name) =>
        OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libc.so.6", out nint library) && NativeLibrary.TryGetExport(library, name, out nint address)
            ? address
            : 0;
}
