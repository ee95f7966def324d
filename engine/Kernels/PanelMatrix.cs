using System.IO.MemoryMappedFiles;

namespace Rudder.Engine.Kernels;

/// <summary>A weight matrix in panels of <see cref="PanelProduct.Columns"/> columns, each [inputs,columns]; zeros pad the last.</summary>
internal sealed unsafe class PanelMatrix : IDisposable
{
    private const int Columns = PanelProduct.Columns;

    private readonly NativeBuffer<float> _panels;

    private PanelMatrix(int inputs, int outputs)
    {
        (Inputs, Outputs) = (inputs, outputs);
        Panels = (outputs + Columns - 1) / Columns;
        _panels = new NativeBuffer<float>((long)Panels * inputs * Columns);
    }

    /// <summary>Number of inputs: terms of each sum.</summary>
    public int Inputs { get; }

    /// <summary>Number of columns without padding.</summary>
    public int Outputs { get; }

    /// <summary>Number of panels.</summary>
    public int Panels { get; }

    /// <summary>Reads a matrix from a weight file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="offset">Offset of the first byte.</param>
    /// <param name="rows">Rows in the file.</param>
    /// <param name="columns">Columns in the file.</param>
    /// <param name="transposed">Whether a row of the file is a column of the matrix, as in an embedding used as output layer.</param>
    /// <exception cref="IOException">The file is too short or cannot be read.</exception>
    public static PanelMatrix Read(string path, long offset, int rows, int columns, bool transposed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        long length = checked((long)rows * columns * sizeof(float));
        using var stream = File.OpenRead(path);
        using var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        using var view = file.CreateViewAccessor(offset, length, MemoryMappedFileAccess.Read);
        var matrix = transposed ? new PanelMatrix(columns, rows) : new PanelMatrix(rows, columns);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        try
        {
            nint values = (nint)(start + view.PointerOffset);
            Parallel.For(0, matrix.Panels, panel => matrix.Fill(panel, (float*)values, transposed));
        }
        finally
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        }

        return matrix;
    }

    /// <summary>A panel, [inputs,columns].</summary>
    public float* Panel(int index) => _panels.Pointer + ((long)index * Inputs * Columns);

    /// <inheritdoc/>
    public void Dispose() => _panels.Dispose();

    private void Fill(int panel, float* values, bool transposed)
    {
        float* destination = Panel(panel);
        int first = panel * Columns, count = Math.Min(Columns, Outputs - first);
        for (int input = 0; input < Inputs; input++, destination += Columns)
        {
            if (!transposed)
            {
                new ReadOnlySpan<float>(values + ((long)input * Outputs) + first, count).CopyTo(new Span<float>(destination, count));
                continue;
            }

            for (int column = 0; column < count; column++)
            {
                destination[column] = values[((long)(first + column) * Inputs) + input];
            }
        }
    }
}
