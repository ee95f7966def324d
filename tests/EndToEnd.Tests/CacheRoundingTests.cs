using Rudder.Engine.Kernels;
using Rudder.Trainer.Logits;
using Rudder.Trainer.Scoring;

namespace Rudder.EndToEnd.Tests;

/// <summary>The exporter's check of int8 decoders rounds keys and values as the service's slot engine keeps them.</summary>
public sealed class CacheRoundingTests
{
    [Fact]
    public unsafe void Round_AnyNumber_IsWhatTheSlotCacheKeepsOfIt()
    {
        var random = new Random(17);
        float[] values = [.. Enumerable.Range(0, 100_000).Select(_ => BitConverter.Int32BitsToSingle((int)random.NextInt64(int.MinValue, 1L << 31)))];
        float[] rounded = [.. values];
        BFloat16.Round(rounded);
        ushort[] kept = new ushort[values.Length];
        fixed (ushort* place = kept)
        {
            KeptHalf.Keep(values, place);
        }

        Assert.Contains(values, float.IsNaN);
        Assert.Equal(kept.Select(half => BitConverter.SingleToUInt32Bits(KeptHalf.Read(half))), rounded.Select(BitConverter.SingleToUInt32Bits));
    }
}
