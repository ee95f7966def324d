namespace Rudder.Trainer.Graphs;

/// <summary>
/// Per-column 8-bit quantization of a weight matrix: column j holds round(w / scale_j) with scale_j = max|w_·j| / 127.
/// Weights are signed: CPUs multiply unsigned activations by signed weights in one instruction (VNNI). On older CPUs
/// 16-bit sums could overflow, so sessions ask ONNX Runtime for exact products (session.x64quantprecision).
/// </summary>
internal static class Quantization
{
    /// <summary>The largest magnitude of a quantized weight.</summary>
    public const float Largest = 127f;

    /// <summary>Quantizes a row-major matrix.</summary>
    /// <param name="values">[rows, columns]; rows are the inputs of the product, columns its outputs.</param>
    /// <param name="columns">Number of columns, at least 1.</param>
    /// <returns>Bytes [rows, columns] and scales [columns], all positive.</returns>
    public static (sbyte[] Bytes, float[] Scales) PerColumn(ReadOnlySpan<float> values, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        float[] scales = Scales(values, columns);
        sbyte[] bytes = new sbyte[values.Length];
        for (int start = 0; start < values.Length; start += columns)
        {
            for (int column = 0; column < columns; column++)
            {
                float steps = MathF.Round(values[start + column] / scales[column], MidpointRounding.ToEven);
                bytes[start + column] = (sbyte)Math.Clamp(steps, -Largest, Largest);
            }
        }

        return (bytes, scales);
    }

    /// <summary>Transposes a matrix.</summary>
    /// <param name="values">[rows, columns], row-major.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    /// <returns>[columns, rows], row-major.</returns>
    public static float[] Transpose(ReadOnlySpan<float> values, int rows, int columns)
    {
        if ((long)rows * columns != values.Length)
        {
            throw new ArgumentException($"A matrix of {rows} x {columns} has {(long)rows * columns} values; {values.Length} were given.", nameof(values));
        }

        float[] result = new float[values.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                result[(column * (long)rows) + row] = values[(row * columns) + column];
            }
        }

        return result;
    }

    private static float[] Scales(ReadOnlySpan<float> values, int columns)
    {
        float[] scales = new float[columns];
        for (int start = 0; start < values.Length; start += columns)
        {
            for (int column = 0; column < columns; column++)
            {
                scales[column] = MathF.Max(scales[column], MathF.Abs(values[start + column]));
            }
        }

        for (int column = 0; column < columns; column++)
        {
            scales[column] = scales[column] > 0 ? scales[column] / Largest : 1f;    // a column of zeros stays zeros
        }

        return scales;
    }
}
