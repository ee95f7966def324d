namespace Rudder.Trainer.Logits;

/// <summary>bfloat16, the upper half of a float32: what the service's slot engine keeps keys and values of int8 graphs in.</summary>
internal static class BFloat16
{
    private const int HalfBits = 16;
    private const uint JustBelowHalf = 0x7FFF;
    private const uint QuietBit = 0x400000;

    /// <summary>Rounds each value to the nearest that bfloat16 has, ties to even. Not-a-number stays one.</summary>
    public static void Round(Span<float> values)
    {
        foreach (ref float value in values)
        {
            uint bits = BitConverter.SingleToUInt32Bits(value);
            uint rounded = float.IsNaN(value) ? bits | QuietBit : bits + JustBelowHalf + ((bits >> HalfBits) & 1);
            value = BitConverter.UInt32BitsToSingle(rounded >> HalfBits << HalfBits);
        }
    }
}
