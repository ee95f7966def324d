using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Rudder.Engine.Kernels;

/// <summary>Quantizes rows to bytes around 128: scale = max(max|x| · factor, floor), byte = round(x / scale) + 128, ties to even.</summary>
/// <param name="Magnitudes">Whether to take the largest |x|; otherwise the largest x.</param>
/// <param name="Factor">Factor: 1 / 127.</param>
/// <param name="Floor">Minimum scale.</param>
internal readonly record struct RowQuantizer(bool Magnitudes, float Factor, float Floor)
{
    private const int Zero = 128;

    /// <summary>Reads the parameters from a node's attributes.</summary>
    public static RowQuantizer Of(NodeAttributes attributes) =>
        new(attributes.Integer("magnitudes\0"u8) != 0, attributes.Float("factor\0"u8), attributes.Float("floor\0"u8));

    /// <summary>Writes the bytes of a row.</summary>
    /// <param name="x">[columns]</param>
    /// <param name="columns">Number of values, at least one.</param>
    /// <param name="bytes">[columns]</param>
    /// <returns>The scale; NaN if the row holds NaN.</returns>
    public unsafe float Quantize(float* x, int columns, byte* bytes)
    {
        var row = new ReadOnlySpan<float>(x, columns);
        float largest = Magnitudes ? MathF.Abs(TensorPrimitives.MaxMagnitude(row)) : TensorPrimitives.Max(row);
        float scale = MathF.Max(largest * Factor, Floor);
        int i = 0;
        var scales = Vector512.Create(scale);
        var zero = Vector512.Create(Zero);
        for (; i <= columns - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var whole = Vector512.ConvertToInt32Native(Vector512.Round(Vector512.Load(x + i) / scales)) + zero;
            var clamped = Vector512.Min(Vector512.Max(whole, Vector512<int>.Zero), Vector512.Create((int)byte.MaxValue));
            var words = Vector512.Narrow(clamped, clamped).GetLower();
            Vector256.Narrow(words.AsUInt16(), words.AsUInt16()).GetLower().Store(bytes + i);
        }

        for (; i < columns; i++)
        {
            bytes[i] = (byte)Math.Clamp((int)MathF.Round(x[i] / scale) + Zero, 0, byte.MaxValue);
        }

        return scale;
    }
}
