using System.IO.MemoryMappedFiles;

namespace Rudder.Engine.Kernels;

/// <summary>Location of a float32 weight in a file.</summary>
/// <param name="Name">Name in the graph.</param>
/// <param name="File">Path of the file.</param>
/// <param name="Offset">Offset of its first byte.</param>
/// <param name="Rows">Rows; 0 for a vector.</param>
/// <param name="Columns">Columns, or the length of a vector.</param>
internal sealed record WeightPlace(string Name, string File, long Offset, int Rows, int Columns)
{
    /// <summary>Number of floats.</summary>
    public long Length => (long)Math.Max(1, Rows) * Columns;

    /// <summary>[Rows,Columns], or [Columns] for a vector.</summary>
    public long[] Shape => Rows == 0 ? [Columns] : [Rows, Columns];

    /// <summary>Maps the weight into memory for the duration of a call.</summary>
    /// <param name="use">Gets the address of the first float.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="ArgumentException">The file ends before the weight does.</exception>
    public unsafe void Map(Action<nint> use)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Columns);
        using var stream = System.IO.File.OpenRead(File);
        using var file = MemoryMappedFile.CreateFromFile(
            stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        using var view = file.CreateViewAccessor(Offset, Length * sizeof(float), MemoryMappedFileAccess.Read);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        try
        {
            use((nint)(start + view.PointerOffset));
        }
        finally
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }
}
