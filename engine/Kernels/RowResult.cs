namespace Rudder.Engine.Kernels;

/// <summary>Where an operator's rows go: to an output of floats, or over a thread's own memory to outputs of bytes and scales.</summary>
internal unsafe struct RowResult
{
    private const int MostColumns = 1 << 16;                 // of a row on a thread's stack

    private float* _floats;
    private byte* _bytes;
    private float* _scales;
    private RowQuantizer _quantizer;

    /// <summary>The outputs of a node: 0 is floats, or 0 is bytes and 1 scales.</summary>
    /// <param name="call">The computation; input 0 has the rows' shape.</param>
    /// <param name="rows">N.</param>
    /// <param name="columns">K.</param>
    /// <param name="quantizer">How to make bytes; null: floats.</param>
    public static RowResult Of(KernelCall call, int rows, int columns, RowQuantizer? quantizer)
    {
        if (quantizer is not { } bytes)
        {
            return new RowResult { _floats = call.OutputLike<float>(0, 0) };
        }

        return columns <= MostColumns
            ? new RowResult { _bytes = call.OutputLike<byte>(0, 0), _scales = call.Output<float>(1, rows), _quantizer = bytes }
            : throw new InvalidOperationException($"an operator of this program got rows of {columns} numbers to make bytes of; it takes {MostColumns} at most.");
    }

    /// <summary>Floats of memory that <see cref="Row"/> needs.</summary>
    public readonly int ScratchLength(int columns) => _floats is null ? columns : 0;

    /// <summary>Where to write a row.</summary>
    public readonly float* Row(nuint index, int columns, float* scratch) => _floats is null ? scratch : _floats + ((long)index * columns);

    /// <summary>Makes bytes of a row that is written.</summary>
    public readonly void End(nuint index, int columns, float* row)
    {
        if (_floats is null)
        {
            _scales[index] = _quantizer.Quantize(row, columns, _bytes + ((long)index * columns));
        }
    }
}
