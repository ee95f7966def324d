using System.Numerics.Tensors;

namespace Rudder.Engine.Kernels;

/// <summary>Queries, keys and values side by side, [N,3W], with what an 8-bit product before them leaves to its reader.</summary>
internal unsafe struct QkvRows
{
    /// <summary>[N,3W]</summary>
    public float* Qkv;

    /// <summary>A factor of each row, [N]; null: none.</summary>
    public float* Factors;

    /// <summary>Added to each row, [3W]; null: nothing.</summary>
    public float* Bias;

    /// <summary>W.</summary>
    public int Width;

    /// <summary>Reads part of a token's queries (0), keys (1) or values (2).</summary>
    /// <param name="token">Row.</param>
    /// <param name="part">Which of the three.</param>
    /// <param name="offset">First number within it.</param>
    /// <param name="size">Numbers.</param>
    /// <param name="destination">[size]</param>
    public readonly ReadOnlySpan<float> Read(long token, int part, int offset, int size, float* destination)
    {
        int column = (part * Width) + offset;
        var source = new ReadOnlySpan<float>(Qkv + (token * 3 * Width) + column, size);
        var target = new Span<float>(destination, size);
        if (Factors is null)
        {
            source.CopyTo(target);
        }
        else
        {
            TensorPrimitives.Multiply(source, Factors[token], target);
        }

        if (Bias is not null)
        {
            TensorPrimitives.Add(target, new ReadOnlySpan<float>(Bias + column, size), target);
        }

        return target;
    }
}
