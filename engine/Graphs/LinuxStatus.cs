using System.Runtime.InteropServices;

namespace Rudder.Engine.Graphs;

/// <summary>What Linux tells of a file: its struct statx, which is laid out alike on every processor. Only what is needed here has a name.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal unsafe struct LinuxStatus
{
    /// <summary>Kind and rights.</summary>
    [FieldOffset(28)]
    public ushort Mode;

    /// <summary>The file's number on its disk.</summary>
    [FieldOffset(32)]
    public ulong Number;

    /// <summary>Bytes.</summary>
    [FieldOffset(40)]
    public long Size;

    /// <summary>Last change of content, name or rights (ctime).</summary>
    [FieldOffset(96)]
    public Time ChangeTime;

    /// <summary>Last change of content (mtime).</summary>
    [FieldOffset(112)]
    public Time WriteTime;

    /// <summary>The disk.</summary>
    [FieldOffset(136)]
    public uint DiskMajor;

    /// <summary>Its part.</summary>
    [FieldOffset(140)]
    public uint DiskMinor;

    private const int Kind = 0xF000;                         // S_IFMT
    private const int RegularFile = 0x8000;                  // S_IFREG
    private const int Folder = 0x4000;                       // S_IFDIR
    private const int CurrentFolder = -100;                  // AT_FDCWD
    private const uint BasicStatus = 0x7FF;                  // STATX_BASIC_STATS
    private static readonly delegate* unmanaged<int, byte*, int, uint, LinuxStatus*, int> Statx =
        OperatingSystem.IsLinux() && (NativeLibrary.TryLoad("libc.so.6", out nint library) || NativeLibrary.TryLoad("libc", out library)) && NativeLibrary.TryGetExport(library, "statx", out nint address)
            ? (delegate* unmanaged<int, byte*, int, uint, LinuxStatus*, int>)address
            : null;

    /// <summary>Whether it is a pipe, a socket or a device: opening one may wait for ever, or do things.</summary>
    public readonly bool IsSpecial => (Mode & Kind) is not (RegularFile or Folder);

    /// <summary>Looks at a file, or at the one a link leads to; null where this system has no such call, or it says no.</summary>
    public static LinuxStatus? Read(string path)
    {
        if (Statx == null)
        {
            return null;
        }

        LinuxStatus status = default;
        nint name = Marshal.StringToCoTaskMemUTF8(path);
        try
        {
            return Statx(CurrentFolder, (byte*)name, 0, BasicStatus, &status) == 0 ? status : null;
        }
        finally
        {
            Marshal.FreeCoTaskMem(name);
        }
    }

    /// <summary>A moment, from 1970 on.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Time
    {
        /// <summary>Whole seconds.</summary>
        public long Seconds;

        /// <summary>What is over.</summary>
        public uint Nanoseconds;

        private readonly int _reserved;
    }
}
