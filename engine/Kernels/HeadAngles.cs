using System.Runtime.Intrinsics;

namespace Rudder.Engine.Kernels;

/// <summary>
/// Rotary positions (arXiv:2104.09864): numbers i and i + R/2 of a head make a pair, which the token's position turns. Numbers from R on stay.
/// </summary>
internal unsafe struct HeadAngles
{
    /// <summary>Cosines, [positions,R/2]; null: nothing turns.</summary>
    public float* Cosines;

    /// <summary>Sines, [positions,R/2].</summary>
    public float* Sines;

    /// <summary>R/2.</summary>
    public int Pairs;

    /// <summary>Turns adjacent heads of one token in place.</summary>
    /// <param name="x">[heads,size]</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="size">Numbers of a head, at least R.</param>
    /// <param name="position">The token's position, below that of the tables.</param>
    public readonly void Turn(float* x, int heads, int size, int position)
    {
        if (Cosines is null)
        {
            return;
        }

        float* cosines = Cosines + ((long)position * Pairs), sines = Sines + ((long)position * Pairs);
        for (int head = 0; head < heads; head++, x += size)
        {
            float* second = x + Pairs;
            int i = 0;
            for (; i <= Pairs - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                Vector512<float> a = Vector512.Load(x + i), b = Vector512.Load(second + i), c = Vector512.Load(cosines + i), s = Vector512.Load(sines + i);
                Vector512.Store((a * c) - (b * s), x + i);
                Vector512.Store((b * c) + (a * s), second + i);
            }

            for (; i < Pairs; i++)
            {
                (x[i], second[i]) = ((x[i] * cosines[i]) - (second[i] * sines[i]), (second[i] * cosines[i]) + (x[i] * sines[i]));
            }
        }
    }
}
