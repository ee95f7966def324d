using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>Dropout, JMLR 15 (2014) 1929–1958. On the CPU the masks come from vector instructions; libtorch draws them one by one on one thread.</summary>
/// <remarks>
/// A mask is a function of one number that torch's generator gives, so seeding that generator or restoring its state repeats the masks. Number i
/// is half of an output of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014), a hash of key + i/2.
/// </remarks>
internal static class SeededDropout
{
    private const ulong Increment = 0x9E3779B97F4A7C15, FirstFactor = 0xBF58476D1CE4E5B9, SecondFactor = 0x94D049BB133111EB;

    /// <summary>Sets a share of the activations to zero and scales the others, so that their expectation stays.</summary>
    /// <param name="x">Activations of any shape.</param>
    /// <param name="rate">Probability of a zero, 0 to below 1.</param>
    /// <param name="training">False returns <paramref name="x"/>.</param>
    public static Tensor Apply(Tensor x, double rate, bool training)
    {
        if (!training || rate == 0)
        {
            return x;
        }

        return x.device_type == DeviceType.CPU ? x * Mask(x.shape, rate).to(x.dtype) : nn.functional.dropout(x, rate, true);
    }

    /// <summary>softmax(q·kᵀ/√E + mask)·v with dropout of the softmax.</summary>
    /// <param name="query">q, [B,H,T,E].</param>
    /// <param name="key">k, [B,H,T,E].</param>
    /// <param name="value">v, [B,H,T,E].</param>
    /// <param name="rate">Probability that a weight of the softmax becomes zero.</param>
    /// <param name="training">False turns dropout off.</param>
    /// <param name="mask">Added to the scores; broadcasts to [B,H,T,T]. Null for none.</param>
    /// <param name="causal">Whether a position sees only itself and earlier ones; excludes <paramref name="mask"/>.</param>
    /// <returns>[B,H,T,E]</returns>
    public static Tensor Attention(Tensor query, Tensor key, Tensor value, double rate, bool training, Tensor? mask = null, bool causal = false)
    {
        // Without dropout libtorch has a fused kernel. With it, it runs the operators below, in fp32 also for bf16 operands.
        if (!training || rate == 0 || query.device_type != DeviceType.CPU)
        {
            return nn.functional.scaled_dot_product_attention(query, key, value, mask, training ? rate : 0, causal);
        }

        long time = query.shape[2];
        Tensor scores = (query.to(float32) * (1 / Math.Sqrt(query.shape[3]))).matmul(key.to(float32).transpose(2, 3)); // [B,H,T,T]
        Tensor? hidden = causal ? full(time, time, float.NegativeInfinity).triu(1) : mask; // [T,T]
        Tensor weights = (hidden is null ? scores : scores.add_(hidden)).softmax(-1); // [B,H,T,T]
        return (weights * Mask(weights.shape, rate)).matmul(value.to(float32)).to(query.dtype); // [B,H,T,E]
    }

    /// <summary>Fills a mask with 0 and 1/(1 − rate).</summary>
    /// <param name="mask">Its numbers.</param>
    /// <param name="key">Equal keys give equal masks, on every processor.</param>
    /// <param name="rate">Probability of a zero, above 0 and below 1.</param>
    internal static void Fill(Span<float> mask, ulong key, double rate)
    {
        var zeros = Vector512.Create((uint)Math.Min(rate * (1UL << 32), uint.MaxValue)); // a number below it becomes zero
        Vector512<uint> scale = Vector512.Create((float)(1 / (1 - rate))).AsUInt32();
        Vector512<ulong> state = Vector512.Create(key) + (Vector512.Create(1UL, 2, 3, 4, 5, 6, 7, 8) * Increment);
        int width = Vector512<float>.Count, i = 0;
        for (; i <= mask.Length - width; i += width, state += Vector512.Create(unchecked(8 * Increment)))
        {
            Next(state).CopyTo(mask[i..]);
        }

        Span<float> rest = stackalloc float[width];
        Next(state).CopyTo(rest);
        rest[..(mask.Length - i)].CopyTo(mask[i..]);

        Vector512<float> Next(Vector512<ulong> z)
        {
            z = (z ^ (z >>> 30)) * FirstFactor;
            z = (z ^ (z >>> 27)) * SecondFactor;
            Vector512<uint> numbers = (z ^ (z >>> 31)).AsUInt32();
            return (Vector512.GreaterThanOrEqual(numbers, zeros) & scale).AsSingle();
        }
    }

    private static Tensor Mask(long[] shape, double rate)
    {
        ulong key = (ulong)randint(0, long.MaxValue, 1, int64).item<long>();
        Tensor mask = empty(shape, float32);
        if (mask.numel() > 0)
        {
            Fill(new TensorMemory(mask).GetSpan(), key, rate);
        }

        return mask;
    }
}
