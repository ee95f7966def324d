using System.Globalization;

namespace Rudder.Engine.Registry;

/// <summary>Memory available for a new model: what is free on the machine, within the limit of the process.</summary>
internal static class FreeMemory
{
    private const string Source = "/proc/meminfo";
    private const string Key = "MemAvailable:";
    private const long Kibi = 1 << 10;

    /// <summary>The smaller of the machine's available memory and the rest of the process's own limit, bytes.</summary>
    public static long Bytes()
    {
        // TotalAvailableMemoryBytes is the machine's memory or the container's limit, whichever is lower. It includes what this process
        // already uses.
        long allowed = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet;
        return Math.Max(0, File.Exists(Source) ? Math.Min(allowed, Available(File.ReadLines(Source)) ?? allowed) : allowed);
    }

    /// <summary>The available memory that the kernel reports, bytes; null if it reports none.</summary>
    public static long? Available(IEnumerable<string> lines)
    {
        string? entry = lines.FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal));
        string? number = entry?[Key.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long kibibytes) ? kibibytes * Kibi : null;
    }
}
