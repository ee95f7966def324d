using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Rudder.Engine.Kernels;

/// <summary>
/// Matrix products of attention: <see cref="Rows"/> rows times a panel of <see cref="Columns"/> columns, the head width of GPT-2 and
/// RoBERTa. All sums stay in registers.
/// </summary>
/// <remarks>
/// 6 × 64 sums take 24 of the 32 vector registers of AVX-512, plus four for the panel and one for a broadcast element of x. Every sum adds
/// its terms in order, from the first input to the last.
/// </remarks>
internal static unsafe class HeadProduct
{
    /// <summary>Rows per call.</summary>
    public const int Rows = 6;

    /// <summary>Columns per panel: four vectors.</summary>
    public const int Columns = 4 * Lanes;

    private const int Lanes = 16;

    /// <summary>y = x·panel.</summary>
    /// <param name="x">[Rows,inputs]</param>
    /// <param name="xStride">Floats between rows of x.</param>
    /// <param name="panel">[inputs,Columns]</param>
    /// <param name="inputs">Number of inputs: terms of each sum.</param>
    /// <param name="y">[Rows,Columns]</param>
    /// <param name="yStride">Floats between rows of y.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* x, long xStride, float* panel, int inputs, float* y, long yStride)
    {
        Vector512<float> s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default, s13 = default;
        Vector512<float> s20 = default, s21 = default, s22 = default, s23 = default, s30 = default, s31 = default, s32 = default, s33 = default;
        Vector512<float> s40 = default, s41 = default, s42 = default, s43 = default, s50 = default, s51 = default, s52 = default, s53 = default;
        float* x3 = x + (3 * xStride), end = panel + ((long)inputs * Columns);
        for (; panel < end; panel += Columns, x++, x3++)
        {
            var p0 = Vector512.Load(panel);
            var p1 = Vector512.Load(panel + Lanes);
            var p2 = Vector512.Load(panel + (2 * Lanes));
            var p3 = Vector512.Load(panel + (3 * Lanes));
            Add(x[0], p0, p1, p2, p3, ref s00, ref s01, ref s02, ref s03);
            Add(x[xStride], p0, p1, p2, p3, ref s10, ref s11, ref s12, ref s13);
            Add(x[2 * xStride], p0, p1, p2, p3, ref s20, ref s21, ref s22, ref s23);
            Add(x3[0], p0, p1, p2, p3, ref s30, ref s31, ref s32, ref s33);
            Add(x3[xStride], p0, p1, p2, p3, ref s40, ref s41, ref s42, ref s43);
            Add(x3[2 * xStride], p0, p1, p2, p3, ref s50, ref s51, ref s52, ref s53);
        }

        Store(y, s00, s01, s02, s03);
        Store(y + yStride, s10, s11, s12, s13);
        Store(y + (2 * yStride), s20, s21, s22, s23);
        Store(y + (3 * yStride), s30, s31, s32, s33);
        Store(y + (4 * yStride), s40, s41, s42, s43);
        Store(y + (5 * yStride), s50, s51, s52, s53);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(
        float x,
        Vector512<float> p0,
        Vector512<float> p1,
        Vector512<float> p2,
        Vector512<float> p3,
        ref Vector512<float> s0,
        ref Vector512<float> s1,
        ref Vector512<float> s2,
        ref Vector512<float> s3)
    {
        var factor = Vector512.Create(x);
        s0 = Vector512.FusedMultiplyAdd(factor, p0, s0);
        s1 = Vector512.FusedMultiplyAdd(factor, p1, s1);
        s2 = Vector512.FusedMultiplyAdd(factor, p2, s2);
        s3 = Vector512.FusedMultiplyAdd(factor, p3, s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* y, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3)
    {
        Vector512.Store(s0, y);
        Vector512.Store(s1, y + Lanes);
        Vector512.Store(s2, y + (2 * Lanes));
        Vector512.Store(s3, y + (3 * Lanes));
    }
}
