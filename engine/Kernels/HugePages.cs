using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Rudder.Engine.Kernels;

/// <summary>Asks Linux to back memory with 2 MiB pages. This is advice only: memory works the same without it.</summary>
/// <remarks>
/// Every step reads all weights and caches. With 4 KiB pages the processor spends a good part of that time on address translation
/// (measured: docs/results/sampling.md).
/// </remarks>
internal static partial class HugePages
{
    /// <summary>Bytes of a huge page, and the required alignment of a range.</summary>
    public const int Size = 2 << 20;

    private const string Mappings = "/proc/self/maps";
    private const int MadviseHugePage = 14;
    private const int MadviseCollapse = 25;                  // Linux 6.1 and later

    /// <summary>Requests huge pages for memory that was just allocated and not yet touched.</summary>
    /// <param name="address">Start address, aligned to <see cref="Size"/>.</param>
    /// <param name="bytes">Length in bytes.</param>
    public static void Ask(nint address, nuint bytes)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = Madvise(address, bytes, MadviseHugePage);
        }
    }

    /// <summary>Large anonymous memory ranges of this process, start to end address; empty if the system does not list them.</summary>
    public static IReadOnlyDictionary<long, long> LargeRanges()
    {
        var ranges = new Dictionary<long, long>();
        if (!OperatingSystem.IsLinux())
        {
            return ranges;
        }

        try
        {
            foreach (var (start, end) in File.ReadLines(Mappings).Select(Parse).OfType<(long Start, long End)>())
            {
                ranges[start] = end;                         // other threads allocate during the read, so a range may repeat
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            ranges.Clear();                                  // without /proc there is no advice
        }

        return ranges;
    }

    /// <summary>Moves memory allocated since a snapshot, mainly the packed weights of a new session, onto huge pages.</summary>
    /// <param name="before">The snapshot of <see cref="LargeRanges"/>.</param>
    public static void Collapse(IReadOnlyDictionary<long, long> before)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        foreach ((long start, long end) in LargeRanges().Where(range => !before.TryGetValue(range.Key, out long known) || known < range.Value))
        {
            long first = (start + Size - 1) / Size * Size;
            var length = (nuint)((end / Size * Size) - first);
            if (Madvise((nint)first, length, MadviseHugePage) == 0)
            {
                _ = Madvise((nint)first, length, MadviseCollapse);
            }
        }
    }

    // "start-end rw-p offset device inode" without a path: anonymous memory.
    private static (long Start, long End)? Parse(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 5 || words[1] != "rw-p")
        {
            return null;
        }

        long[] ends = [.. words[0].Split('-').Select(word => long.Parse(word, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
        return ends[1] - ends[0] >= 2 * Size ? (ends[0], ends[1]) : null;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [SupportedOSPlatform("linux")]
    private static partial int Madvise(nint address, nuint length, int advice);
}
