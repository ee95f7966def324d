using System.Runtime.CompilerServices;

namespace Rudder.Checkpoints;

/// <summary>bfloat16, the upper half of a float32: half the bytes, the same range, 8 bits of precision.</summary>
public static class BFloat16
{
    private const int HalfBits = 16;
    private const uint JustBelowHalf = 0x7FFF;
    private const uint QuietBit = 0x400000;

    /// <summary>The bits of the nearest bfloat16, ties to even. NaN stays NaN.</summary>
    /// <param name="value">Any number.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort FromSingle(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint rounded = float.IsNaN(value) ? bits | QuietBit : bits + JustBelowHalf + ((bits >> HalfBits) & 1);
        return (ushort)(rounded >> HalfBits);
    }

    /// <summary>The exact float32 of a bfloat16.</summary>
    /// <param name="bits">The bfloat16's bits.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << HalfBits);
}
