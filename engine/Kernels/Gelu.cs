using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Rudder.Engine.Kernels;

/// <summary>GELU (Hendrycks and Gimpel 2016), y·Φ(y), where Φ is the CDF of the standard normal distribution.</summary>
internal interface IGelu
{
    /// <summary>GELU of sixteen numbers.</summary>
    static abstract Vector512<float> Of(Vector512<float> y);

    /// <summary>GELU of one number.</summary>
    static abstract float Of(float y);
}

/// <summary>The tanh approximation, as in GPT-2: y/2 · (1 + tanh(√(2/π)·(y + 0.044715·y³))), which is y / (1 + exp(-2·√(2/π)·(y + 0.044715·y³))).</summary>
internal readonly struct TanhGelu : IGelu
{
    private const float Linear = -1.5957691216f;             // -2·√(2/π)
    private const float Cubic = -0.0713548163f;              // the same · 0.044715

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> y)
    {
        var exponent = y * Vector512.FusedMultiplyAdd(y * y, Vector512.Create(Cubic), Vector512.Create(Linear));
        return y / (Vector512.Exp(exponent) + Vector512<float>.One);
    }

    /// <inheritdoc/>
    public static float Of(float y) => y / (MathF.Exp(y * MathF.FusedMultiplyAdd(y * y, Cubic, Linear)) + 1);
}

/// <summary>Exact GELU, as in RoBERTa: max(y, 0) - |y|·Φ(-|y|), Φ(-t) = exp(-t²/2)·R(t), R a polynomial in u = 1 / (1 + 0.3·t).</summary>
/// <remarks>
/// R has the form of Abramowitz and Stegun 26.2.17. Its coefficients minimize the relative error over 0 ≤ t ≤ 14, which is
/// 1.5e-7 before rounding. Beyond 14, Φ(-t) is below the smallest normal float.
/// </remarks>
internal readonly struct ExactGelu : IGelu
{
    private const float P = 0.3f;
    private const float C1 = 0.11962929579761224f, C2 = 0.12075400730458885f, C3 = 0.09991314179238578f, C4 = 0.1285628796525271f;
    private const float C5 = -0.05368618165133279f, C6 = 0.2063564229675994f, C7 = -0.15720485069346657f, C8 = 0.03567521174229666f;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> y)
    {
        var t = Vector512.Abs(y);
        var u = Vector512<float>.One / Vector512.FusedMultiplyAdd(t, Vector512.Create(P), Vector512<float>.One);
        var r = Vector512.Create(C8);
        r = Vector512.FusedMultiplyAdd(r, u, Vector512.Create(C7));
        r = Vector512.FusedMultiplyAdd(r, u, Vector512.Create(C6));
        r = Vector512.FusedMultiplyAdd(r, u, Vector512.Create(C5));
        r = Vector512.FusedMultiplyAdd(r, u, Vector512.Create(C4));
        r = Vector512.FusedMultiplyAdd(r, u, Vector512.Create(C3));
        r = Vector512.FusedMultiplyAdd(r, u, Vector512.Create(C2));
        r = Vector512.FusedMultiplyAdd(r, u, Vector512.Create(C1));
        var tail = Vector512.Exp(t * t * -0.5f) * r * u;
        return Vector512.Max(y, Vector512<float>.Zero) - (t * tail);
    }

    /// <inheritdoc/>
    public static float Of(float y)
    {
        float t = MathF.Abs(y), u = 1 / MathF.FusedMultiplyAdd(t, P, 1), r = C8;
        foreach (float c in (ReadOnlySpan<float>)[C7, C6, C5, C4, C3, C2, C1])
        {
            r = MathF.FusedMultiplyAdd(r, u, c);
        }

        return MathF.Max(y, 0) - (t * (MathF.Exp(t * t * -0.5f) * r * u));
    }
}
