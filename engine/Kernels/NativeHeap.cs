using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>Returns memory that native code has freed to the system.</summary>
/// <remarks>
/// The C library keeps freed memory in one heap per thread, and sessions create threads. So an unloaded model leaves megabytes behind
/// that a later model cannot use. One pass over the heaps, a few milliseconds, returns them.
/// </remarks>
internal static unsafe class NativeHeap
{
    private const int ArenaMax = -8;                         // M_ARENA_MAX
    private const int MmapMax = -4;                          // M_MMAP_MAX
    private const int TrimThreshold = -1;                    // M_TRIM_THRESHOLD
    private const int Arenas = 2;
    private static readonly delegate* unmanaged<nuint, int> MallocTrim = (delegate* unmanaged<nuint, int>)Find("malloc_trim");
    private static readonly delegate* unmanaged<int, int, int> MallOpt = (delegate* unmanaged<int, int, int>)Find("mallopt");

    /// <summary>Lets threads share a few heaps: sessions allocate when they open, and hardly while they run.</summary>
    public static void ShareHeaps()
    {
        if (MallOpt != null)
        {
            _ = MallOpt(ArenaMax, Arenas);
        }
    }

    /// <summary>
    /// Keeps freed memory in one heap on huge pages, for a program that repeatedly allocates large blocks of the same sizes, such as a
    /// training loop. Otherwise each block is mapped and unmapped, and first use clears its pages one by one. Call it before the first such
    /// block, and allocate on the main thread, because other threads may have their own heaps. It works only with glibc; elsewhere
    /// it does nothing.
    /// </summary>
    public static void KeepForTensors()
    {
        if (MallOpt == null)
        {
            return;
        }

        _ = MallOpt(ArenaMax, 1);
        _ = MallOpt(MmapMax, 0);                             // large blocks come from the heap
        _ = MallOpt(TrimThreshold, -1);                      // and stay in it
        Reserve((nuint)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2);
    }

    /// <summary>Extends the heap by address space without memory and requests huge pages for it; later blocks lie there.</summary>
    private static void Reserve(nuint bytes)
    {
        try
        {
            void* block = NativeMemory.Alloc(bytes);
            nuint start = ((nuint)block + HugePages.Size - 1) / HugePages.Size * HugePages.Size;
            HugePages.Ask((nint)start, bytes - (2 * (nuint)HugePages.Size)); // the last page holds the heap's end record
            NativeMemory.Free(block);
        }
        catch (OutOfMemoryException)
        {
            // With a limit on address space, the heap grows on demand, on small pages.
        }
    }

    /// <summary>Returns free memory to the system; does nothing without glibc, which alone has this call.</summary>
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
