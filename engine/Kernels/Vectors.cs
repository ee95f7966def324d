using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Rudder.Checkpoints;

namespace Rudder.Engine.Kernels;

/// <summary>Storage format of the numbers in a cache.</summary>
/// <typeparam name="T">Type of a stored number.</typeparam>
internal unsafe interface IKept<T>
    where T : unmanaged
{
    /// <summary>Loads sixteen numbers.</summary>
    static abstract Vector512<float> Load(T* source);

    /// <summary>Loads one number.</summary>
    static abstract float Read(T source);

    /// <summary>Stores numbers.</summary>
    static abstract void Keep(ReadOnlySpan<float> source, T* destination);
}

/// <summary>Stores floats unchanged.</summary>
internal readonly unsafe struct KeptWhole : IKept<float>
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    /// <inheritdoc/>
    public static float Read(float source) => source;

    /// <inheritdoc/>
    public static void Keep(ReadOnlySpan<float> source, float* destination) => source.CopyTo(new Span<float>(destination, source.Length));
}

/// <summary>Stores numbers as <see cref="BFloat16"/>.</summary>
internal readonly unsafe struct KeptHalf : IKept<ushort>
{
    private const int HalfBits = 16;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(ushort* source)
    {
        var halves = Vector256.Load(source);
        if (Avx512F.IsSupported)
        {
            return (Avx512F.ConvertToVector512UInt32(halves) << HalfBits).AsSingle();
        }

        var (lower, upper) = Vector256.Widen(halves);
        return (Vector512.Create(lower, upper) << HalfBits).AsSingle();
    }

    /// <inheritdoc/>
    public static float Read(ushort source) => BFloat16.ToSingle(source);

    /// <inheritdoc/>
    public static void Keep(ReadOnlySpan<float> source, ushort* destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = BFloat16.FromSingle(source[i]);
        }
    }
}

/// <summary>Arithmetic on rows that are too short for bounds checks and calls to pay off: a head has 64 numbers.</summary>
/// <remarks>
/// Longer rows use System.Numerics.Tensors. Sums add in a fixed order for a given length. Loops prefetch <see cref="Ahead"/> bytes ahead:
/// rows follow each other in memory, and such a loop is bound by memory.
/// </remarks>
internal static unsafe class Vectors
{
    private const int Lanes = 16;
    private const int Ahead = 4096;                          // bytes
    private const int CacheLine = 64;                        // bytes

    /// <summary>Σ a·b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot<T, TKept>(float* a, T* b, int length)
        where T : unmanaged
        where TKept : IKept<T>
    {
        var sum = Vector512<float>.Zero;
        var other = Vector512<float>.Zero;
        int i = 0;
        for (; i <= length - (2 * Lanes); i += 2 * Lanes)
        {
            Prefetch(b + i, 2 * Lanes);
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), TKept.Load(b + i), sum);
            other = Vector512.FusedMultiplyAdd(Vector512.Load(a + i + Lanes), TKept.Load(b + i + Lanes), other);
        }

        float total = Vector512.Sum(sum + other);
        for (; i < length; i++)
        {
            total = MathF.FusedMultiplyAdd(a[i], TKept.Read(b[i]), total);
        }

        return total;
    }

    /// <summary>sum += x·factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddScaled<T, TKept>(T* x, float factor, float* sum, int length)
        where T : unmanaged
        where TKept : IKept<T>
    {
        var factors = Vector512.Create(factor);
        int i = 0;
        for (; i <= length - (2 * Lanes); i += 2 * Lanes)
        {
            Prefetch(x + i, 2 * Lanes);
            Vector512.Store(Vector512.FusedMultiplyAdd(TKept.Load(x + i), factors, Vector512.Load(sum + i)), sum + i);
            Vector512.Store(Vector512.FusedMultiplyAdd(TKept.Load(x + i + Lanes), factors, Vector512.Load(sum + i + Lanes)), sum + i + Lanes);
        }

        for (; i < length; i++)
        {
            sum[i] = MathF.FusedMultiplyAdd(TKept.Read(x[i]), factor, sum[i]);
        }
    }

    /// <summary>Softmax in place.</summary>
    public static void Softmax(float* x, int length)
    {
        var all = new Span<float>(x, length);
        TensorPrimitives.Subtract(all, TensorPrimitives.Max<float>(all), all);
        TensorPrimitives.Exp<float>(all, all);
        TensorPrimitives.Divide(all, TensorPrimitives.Sum<float>(all), all);
    }

    /// <summary>exp(x - max(x)) in place.</summary>
    /// <returns>The sum of the exponentials.</returns>
    public static float Exponentials(float* x, int length)
    {
        float largest = TensorPrimitives.Max(new ReadOnlySpan<float>(x, length));
        var sum = Vector512<float>.Zero;
        int i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            var value = Vector512.Exp(Vector512.Load(x + i) - Vector512.Create(largest));
            Vector512.Store(value, x + i);
            sum += value;
        }

        float total = Vector512.Sum(sum);
        for (; i < length; i++)
        {
            x[i] = MathF.Exp(x[i] - largest);
            total += x[i];
        }

        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch<T>(T* place, int count)
        where T : unmanaged
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0((byte*)place + Ahead);
            if (count * sizeof(T) > CacheLine)
            {
                Sse.Prefetch0((byte*)place + Ahead + CacheLine);
            }
        }
    }
}
