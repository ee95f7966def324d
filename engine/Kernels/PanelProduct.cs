using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Rudder.Engine.Kernels;

/// <summary>Multiplies 8, 4 or 1 rows by one panel of a <see cref="PanelMatrix"/>. All sums stay in registers.</summary>
/// <remarks>
/// 8 × 48 sums take 24 of the 32 vector registers of AVX-512, plus three for the panel and one for the broadcast element of x. Every sum
/// starts at the bias and adds its terms in order, from the first input to the last, in all three variants. So a row's result does not
/// depend on the number of rows.
/// </remarks>
internal static unsafe class PanelProduct
{
    /// <summary>Columns per panel: three vectors.</summary>
    public const int Columns = 3 * Lanes;

    /// <summary>Maximum rows per call.</summary>
    public const int MostRows = 8;

    private const int Lanes = 16;

    /// <summary>Whether the processor has the required registers.</summary>
    public static bool IsSupported => Vector512.IsHardwareAccelerated && Avx512F.IsSupported;

    /// <summary>Multiplies as many rows as one call can.</summary>
    /// <param name="rows">Remaining rows, at least 1.</param>
    /// <param name="tile">Inputs, outputs and the panel.</param>
    /// <returns>Number of rows processed: 8, 4 or 1.</returns>
    public static int Multiply(int rows, in Tile tile)
    {
        switch (rows)
        {
            case >= 8:
                Eight(tile.X, tile.XStride, tile.Panel, tile.Inputs, tile.Y, tile.YStride, tile.Bias, tile.Next, tile.NextStep);
                return 8;
            case >= 4:
                Four(tile.X, tile.XStride, tile.Panel, tile.Inputs, tile.Y, tile.YStride, tile.Bias, tile.Next, tile.NextStep);
                return 4;
            default:
                One(tile.X, tile.Panel, tile.Inputs, tile.Y, tile.Bias);
                return 1;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Eight(float* x, long xStride, float* panel, int inputs, float* y, long yStride, float* bias, byte* next, int nextStep)
    {
        Vector512<float> s00 = Vector512.Load(bias), s01 = Vector512.Load(bias + Lanes), s02 = Vector512.Load(bias + (2 * Lanes));
        Vector512<float> s10 = s00, s11 = s01, s12 = s02, s20 = s00, s21 = s01, s22 = s02, s30 = s00, s31 = s01, s32 = s02;
        Vector512<float> s40 = s00, s41 = s01, s42 = s02, s50 = s00, s51 = s01, s52 = s02, s60 = s00, s61 = s01, s62 = s02;
        Vector512<float> s70 = s00, s71 = s01, s72 = s02;
        float* x3 = x + (3 * xStride), x6 = x + (6 * xStride);
        float* end = panel + ((long)inputs * Columns);
        for (; panel < end; panel += Columns, x++, x3++, x6++, next += nextStep)
        {
            Sse.Prefetch1(next);
            var p0 = Vector512.Load(panel);
            var p1 = Vector512.Load(panel + Lanes);
            var p2 = Vector512.Load(panel + (2 * Lanes));
            Add(x[0], p0, p1, p2, ref s00, ref s01, ref s02);
            Add(x[xStride], p0, p1, p2, ref s10, ref s11, ref s12);
            Add(x[2 * xStride], p0, p1, p2, ref s20, ref s21, ref s22);
            Add(x3[0], p0, p1, p2, ref s30, ref s31, ref s32);
            Add(x3[xStride], p0, p1, p2, ref s40, ref s41, ref s42);
            Add(x3[2 * xStride], p0, p1, p2, ref s50, ref s51, ref s52);
            Add(x6[0], p0, p1, p2, ref s60, ref s61, ref s62);
            Add(x6[xStride], p0, p1, p2, ref s70, ref s71, ref s72);
        }

        Store(y, s00, s01, s02);
        Store(y + yStride, s10, s11, s12);
        Store(y + (2 * yStride), s20, s21, s22);
        Store(y + (3 * yStride), s30, s31, s32);
        Store(y + (4 * yStride), s40, s41, s42);
        Store(y + (5 * yStride), s50, s51, s52);
        Store(y + (6 * yStride), s60, s61, s62);
        Store(y + (7 * yStride), s70, s71, s72);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Four(float* x, long xStride, float* panel, int inputs, float* y, long yStride, float* bias, byte* next, int nextStep)
    {
        Vector512<float> s00 = Vector512.Load(bias), s01 = Vector512.Load(bias + Lanes), s02 = Vector512.Load(bias + (2 * Lanes));
        Vector512<float> s10 = s00, s11 = s01, s12 = s02, s20 = s00, s21 = s01, s22 = s02, s30 = s00, s31 = s01, s32 = s02;
        float* end = panel + ((long)inputs * Columns);
        for (; panel < end; panel += Columns, x++, next += nextStep)
        {
            Sse.Prefetch1(next);
            var p0 = Vector512.Load(panel);
            var p1 = Vector512.Load(panel + Lanes);
            var p2 = Vector512.Load(panel + (2 * Lanes));
            Add(x[0], p0, p1, p2, ref s00, ref s01, ref s02);
            Add(x[xStride], p0, p1, p2, ref s10, ref s11, ref s12);
            Add(x[2 * xStride], p0, p1, p2, ref s20, ref s21, ref s22);
            Add(x[3 * xStride], p0, p1, p2, ref s30, ref s31, ref s32);
        }

        Store(y, s00, s01, s02);
        Store(y + yStride, s10, s11, s12);
        Store(y + (2 * yStride), s20, s21, s22);
        Store(y + (3 * yStride), s30, s31, s32);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(float* x, float* panel, int inputs, float* y, float* bias)
    {
        Vector512<float> s0 = Vector512.Load(bias), s1 = Vector512.Load(bias + Lanes), s2 = Vector512.Load(bias + (2 * Lanes));
        float* end = panel + ((long)inputs * Columns);
        for (; panel < end; panel += Columns, x++)
        {
            Add(x[0], Vector512.Load(panel), Vector512.Load(panel + Lanes), Vector512.Load(panel + (2 * Lanes)), ref s0, ref s1, ref s2);
        }

        Store(y, s0, s1, s2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(
        float x, Vector512<float> p0, Vector512<float> p1, Vector512<float> p2, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
    {
        var factor = Vector512.Create(x);
        s0 = Vector512.FusedMultiplyAdd(factor, p0, s0);
        s1 = Vector512.FusedMultiplyAdd(factor, p1, s1);
        s2 = Vector512.FusedMultiplyAdd(factor, p2, s2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* y, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2)
    {
        Vector512.Store(s0, y);
        Vector512.Store(s1, y + Lanes);
        Vector512.Store(s2, y + (2 * Lanes));
    }

    /// <summary>Operands of one call.</summary>
    internal struct Tile
    {
        /// <summary>First input row, [rows,Inputs], with <see cref="XStride"/> floats between rows.</summary>
        public float* X;

        /// <summary>Floats between rows of x.</summary>
        public long XStride;

        /// <summary>The panel, [Inputs,Columns].</summary>
        public float* Panel;

        /// <summary>Number of inputs: terms of each sum.</summary>
        public int Inputs;

        /// <summary>First output row, [rows,Columns], with <see cref="YStride"/> floats between rows.</summary>
        public float* Y;

        /// <summary>Floats between rows of y.</summary>
        public long YStride;

        /// <summary>Initial values of the sums, [Columns].</summary>
        public float* Bias;

        /// <summary>Memory to prefetch during this call.</summary>
        public byte* Next;

        /// <summary>Bytes to advance in it per input.</summary>
        public int NextStep;
    }
}
