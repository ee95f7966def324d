namespace Rudder.Engine.Kernels;

/// <summary>A weight matrix in panels of <see cref="PanelProduct.Columns"/> columns, each [inputs,columns]; zeros pad the last.</summary>
internal sealed unsafe class PanelMatrix : IDisposable
{
    private const int Columns = PanelProduct.Columns;

    private readonly bool _transposed;
    private readonly NativeBuffer<float> _panels;

    /// <summary>Allocates a matrix of zeros.</summary>
    /// <param name="rows">Rows of its source.</param>
    /// <param name="columns">Columns of its source.</param>
    /// <param name="transposed">Whether a row of the source is a column of the matrix, as in an embedding used as output layer.</param>
    public PanelMatrix(int rows, int columns, bool transposed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        (Inputs, Outputs) = transposed ? (columns, rows) : (rows, columns);
        _transposed = transposed;
        Panels = (Outputs + Columns - 1) / Columns;
        _panels = new NativeBuffer<float>((long)Panels * Inputs * Columns);
    }

    /// <summary>Number of inputs: terms of each sum.</summary>
    public int Inputs { get; }

    /// <summary>Number of columns without padding.</summary>
    public int Outputs { get; }

    /// <summary>Number of panels.</summary>
    public int Panels { get; }

    /// <summary>Number of floats with padding.</summary>
    public long Length => _panels.Length;

    /// <summary>A panel, [inputs,columns].</summary>
    public float* Panel(int index) => _panels.Pointer + ((long)index * Inputs * Columns);

    /// <summary>Packs the source into the panels, on several threads.</summary>
    /// <param name="values">Address of the source, [rows,columns].</param>
    public void Fill(nint values) => Parallel.For(0, Panels, panel => Fill(panel, (float*)values));

    /// <inheritdoc/>
    public void Dispose() => _panels.Dispose();

    private void Fill(int panel, float* values)
    {
        float* destination = Panel(panel);
        int first = panel * Columns, count = Math.Min(Columns, Outputs - first);
        for (int input = 0; input < Inputs; input++, destination += Columns)
        {
            if (!_transposed)
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
