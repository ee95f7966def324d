namespace Rudder.Engine.Kernels;

/// <summary>Output of an operator on rows: float rows directly, or byte rows with scales through a thread's scratch memory.</summary>
internal unsafe struct RowResult
{
    private const int MostColumns = 1 << 16;                 // scratch row on a thread's stack

    private float* _floats;
    private byte* _bytes;
    private float* _scales;
    private RowQuantizer _quantizer;

    /// <summary>Allocates the outputs of a node: output 0 holds floats; or output 0 holds bytes and output 1 scales.</summary>
    /// <param name="call">The call; input 0 has the shape of the output.</param>
    /// <param name="rows">N.</param>
    /// <param name="columns">K.</param>
    /// <param name="quantizer">Quantizes the rows; null keeps floats.</param>
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

    /// <summary>Scratch floats that <see cref="Row"/> needs.</summary>
    public readonly int ScratchLength(int columns) => _floats is null ? columns : 0;

    /// <summary>Where to write a row.</summary>
    public readonly float* Row(nuint index, int columns, float* scratch) => _floats is null ? scratch : _floats + ((long)index * columns);

    /// <summary>Completes a written row; quantizes it if the output holds bytes.</summary>
    public readonly void End(nuint index, int columns, float* row)
    {
        if (_floats is null)
        {
            _scales[index] = _quantizer.Quantize(row, columns, _bytes + ((long)index * columns));
        }
    }
}
