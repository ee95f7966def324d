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
    private const int MmapMax = -4;                          // M_MMAP_MAX
    private const int TrimThreshold = -1;                    // M_TRIM_THRESHOLD
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

    /// <summary>
    /// Keeps freed memory in one heap on huge pages, for a program that allocates large blocks of the same sizes again and again, as the steps
    /// of a training do. Otherwise each block is mapped and unmapped, and its pages are cleared one by one at first use. Call it before
    /// the first such block, and allocate on the main thread: other threads may have heaps of their own. Only glibc has this; elsewhere
    /// nothing changes.
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

    /// <summary>Extends the heap by address space without memory behind it, and asks for huge pages there; later blocks lie in it.</summary>
    private static void Reserve(nuint bytes)
    {
        try
        {
            void* block = NativeMemory.Alloc(bytes);
            nuint start = ((nuint)block + HugePages.Size - 1) / HugePages.Size * HugePages.Size;
            HugePages.Ask((nint)start, bytes - (2 * (nuint)HugePages.Size)); // short of the end, whose page the heap's last record lies on
            NativeMemory.Free(block);
        }
        catch (OutOfMemoryException)
        {
            // A limit on address space: the heap then grows as it is needed, on small pages.
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
