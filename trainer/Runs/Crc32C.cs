using System.Numerics;

namespace Rudder.Trainer.Runs;

/// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4), and the mask that TensorBoard's record format applies to it.</summary>
internal static class Crc32C
{
    /// <summary>The checksum of <paramref name="data"/>.</summary>
    public static uint Of(ReadOnlySpan<byte> data)
    {
        uint crc = 0xFFFFFFFF;
        foreach (byte b in data)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }

    /// <summary>The checksum rotated right by 15 bits plus 0xa282ead8, as TFRecord files store it.</summary>
    public static uint Masked(ReadOnlySpan<byte> data) => BitOperations.RotateRight(Of(data), 15) + 0xA282EAD8;
}
