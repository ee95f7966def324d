namespace Rudder.Checkpoints;

/// <summary>How a tensor's elements are stored.</summary>
public enum WeightType
{
    /// <summary>IEEE single precision.</summary>
    F32,

    /// <summary>IEEE half precision.</summary>
    F16,

    /// <summary>The upper half of single precision.</summary>
    BF16,

    /// <summary>IEEE double precision.</summary>
    F64,

    /// <summary>64-bit signed integer.</summary>
    I64,

    /// <summary>32-bit signed integer.</summary>
    I32,

    /// <summary>16-bit signed integer.</summary>
    I16,

    /// <summary>8-bit signed integer.</summary>
    I8,

    /// <summary>8-bit unsigned integer.</summary>
    U8,

    /// <summary>One byte, 0 or 1.</summary>
    Bool,
}

/// <summary>A tensor of a weight file.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Type">Its element type in the file.</param>
/// <param name="Shape">Its dimensions; empty for a scalar.</param>
public readonly record struct TensorInfo(string Name, WeightType Type, long[] Shape)
{
    /// <summary>Number of elements.</summary>
    public long Elements => Shape.Aggregate(1L, (product, side) => checked(product * side));

    internal static int SizeOf(WeightType type) => type switch
    {
        WeightType.F64 or WeightType.I64 => 8,
        WeightType.F32 or WeightType.I32 => 4,
        WeightType.F16 or WeightType.BF16 or WeightType.I16 => 2,
        _ => 1,
    };

    internal static string Show(IEnumerable<long> shape) => $"[{string.Join(",", shape)}]";

    /// <summary>The product of the dimensions, or null if it is negative or exceeds 63 bits.</summary>
    internal static long? Count(IEnumerable<long> shape)
    {
        Int128 product = 1;
        bool empty = false;
        foreach (long side in shape)
        {
            if (side < 0)
            {
                return null;
            }

            empty |= side == 0;
            product *= side == 0 ? 1 : side;
            if (product > long.MaxValue / 8)
            {
                return null;
            }
        }

        return empty ? 0 : (long)product;
    }
}
