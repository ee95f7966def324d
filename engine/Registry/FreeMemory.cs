using System.Globalization;

namespace Rudder.Engine.Registry;

/// <summary>How much memory a model may still take: what the machine has to give, within what the process is allowed.</summary>
internal static class FreeMemory
{
    private const string Source = "/proc/meminfo";
    private const string Key = "MemAvailable:";
    private const long Kibi = 1 << 10;

    /// <summary>Bytes: the smaller of the machine's available memory and what is left of the process's own limit.</summary>
    public static long Bytes()
    {
        // The runtime's figure is the machine's memory or the container's limit, whichever binds; this process has taken its part of it.
        long allowed = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet;
        return Math.Max(0, File.Exists(Source) ? Math.Min(allowed, Available(File.ReadLines(Source)) ?? allowed) : allowed);
    }

    /// <summary>The available memory that the kernel's table tells, bytes; null where it does not.</summary>
    public static long? Available(IEnumerable<string> lines)
    {
        string? entry = lines.FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal));
        string? number = entry?[Key.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long kibibytes) ? kibibytes * Kibi : null;
    }
}
