namespace Rudder.Engine.Graphs;

/// <summary>What tells a file from another that took its place, and from itself with other content, without reading it.</summary>
/// <remarks>
/// A time of writing can be set back by whoever writes; on Linux the time of the last change of any kind cannot, and the number of the
/// file on its disk tells one that was renamed into its place. Both times advance with the system's clock tick, a few milliseconds: of
/// two writes within one tick and of one length only the first is seen.
/// </remarks>
/// <param name="Length">Bytes.</param>
/// <param name="Written">Time of the last write.</param>
/// <param name="Changed">Time of the last change, of a name or a right too; elsewhere than on Linux that of the file's making.</param>
/// <param name="Number">Of the file on its disk; 0 where the system does not tell.</param>
/// <param name="Disk">Its number; 0 where the system does not tell.</param>
internal readonly record struct FileStamp(long Length, DateTime Written, DateTime Changed, ulong Number, ulong Disk)
{
    /// <summary>The stamp of a file, of the one a link leads to.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">There is none, or it cannot be looked at.</exception>
    public static FileStamp Of(string path) => LinuxStatus.Read(path) is { } status
        ? new FileStamp(status.Size, At(status.WriteTime), At(status.ChangeTime), status.Number, ((ulong)status.DiskMajor << 32) | status.DiskMinor)
        : Portable(path);

    /// <summary>The stamp as far as every system tells it.</summary>
    private static FileStamp Portable(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return new FileStamp(RandomAccess.GetLength(file), File.GetLastWriteTimeUtc(file), File.GetCreationTimeUtc(file), 0, 0);
    }

    private static DateTime At(LinuxStatus.Time time) =>
        DateTime.UnixEpoch.AddTicks((time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanoseconds / TimeSpan.NanosecondsPerTick));
}
