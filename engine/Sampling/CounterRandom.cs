namespace Rudder.Engine.Sampling;

/// <summary>Random numbers as a pure function of (seed, sample index, position): a draw depends on nothing else.</summary>
/// <remarks>
/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), a ten-round
/// bijection of a 128-bit counter under a 64-bit key. Key = (low half of the seed, sample index), counter = (position, high half, 0, domain):
/// domain 0 gives the uniforms of token draws, domain 1 derived seeds. There is no state, no call order and no shared stream.
/// </remarks>
public static class CounterRandom
{
    private const uint DrawDomain = 0;
    private const uint SeedDomain = 1;
    private const int Rounds = 10;

    /// <summary>The uniform number that draws one token.</summary>
    /// <param name="seed">Seed of the prompt's completions.</param>
    /// <param name="sampleIndex">Index of the completion among the prompt's completions.</param>
    /// <param name="position">Position of the token in the completion, from 0.</param>
    /// <returns>A multiple of 2^-53 in [0, 1).</returns>
    public static double Uniform(ulong seed, uint sampleIndex, uint position)
    {
        (uint high, uint low, _, _) = Philox(position, (uint)(seed >> 32), 0, DrawDomain, (uint)seed, sampleIndex);
        return (((ulong)high << 21) ^ (low >> 11)) * (1.0 / (1UL << 53));
    }

    /// <summary>Derives a separate seed for each of many prompts from one seed.</summary>
    /// <param name="seed">The common seed.</param>
    /// <param name="index">Index of the prompt, from 0; index 0 also differs from <paramref name="seed"/>.</param>
    public static uint Derive(ulong seed, uint index) => Philox(index, (uint)(seed >> 32), 0, SeedDomain, (uint)seed, 0).X0;

    /// <summary>Philox4x32-10 with four counter words and two key words.</summary>
    internal static (uint X0, uint X1, uint X2, uint X3) Philox(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (int round = 0; round < Rounds; round++)
        {
            ulong p0 = 0xD2511F53UL * c0;
            ulong p1 = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }

        return (c0, c1, c2, c3);
    }
}
