using System.Numerics.Tensors;

namespace Rudder.Engine.Kernels;

/// <summary>Queries, keys and values side by side, [N,3W], with the scaling and bias that an int8 product leaves to its consumer.</summary>
internal unsafe struct QkvRows
{
    /// <summary>[N,3W]</summary>
    public float* Qkv;

    /// <summary>A factor per row, [N]; null: none.</summary>
    public float* Factors;

    /// <summary>Bias of each row, [3W]; null: none.</summary>
    public float* Bias;

    /// <summary>W.</summary>
    public int Width;

    /// <summary>Reads part of the queries (0), keys (1) or values (2) of a token.</summary>
    /// <param name="token">Row of the token.</param>
    /// <param name="part">0, 1 or 2, as above.</param>
    /// <param name="offset">Index of the first number.</param>
    /// <param name="size">Number of values.</param>
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
