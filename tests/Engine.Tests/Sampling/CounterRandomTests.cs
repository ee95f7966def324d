using Rudder.Engine.Sampling;
using Rudder.Tests;

namespace Rudder.Engine.Tests.Sampling;

public class CounterRandomTests
{
    // Known answers published with Random123 (kat_vectors, philox4x32 10).
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_KnownCounters_GivesPublishedWords(
        uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint x0, uint x1, uint x2, uint x3) =>
        Assert.Equal((x0, x1, x2, x3), CounterRandom.Philox(c0, c1, c2, c3, k0, k1));

    [Fact]
    public void Uniform_SameArguments_SameNumberWhateverWasDrawnBefore()
    {
        double first = CounterRandom.Uniform(7, 3, 11);
        _ = CounterRandom.Uniform(7, 3, 12);
        Assert.Equal(first, CounterRandom.Uniform(7, 3, 11));
    }

    [Theory]
    [InlineData("seed")]
    [InlineData("sample")]
    [InlineData("position")]
    public void Uniform_OneArgumentCounts_FillsHundredCellsEvenly(string varying)
    {
        int[] cells = new int[100];
        for (uint i = 0; i < 100_000; i++)
        {
            double u = varying switch
            {
                "seed" => CounterRandom.Uniform(i, 0, 0),
                "sample" => CounterRandom.Uniform(5, i, 0),
                _ => CounterRandom.Uniform(5, 0, i),
            };
            Assert.InRange(u, 0, 1 - 1e-16);
            cells[(int)(u * cells.Length)]++;
        }

        ChiSquare.AssertFits(cells, [.. Enumerable.Repeat(0.01, 100)]);
    }

    [Theory]
    [InlineData("seed")]
    [InlineData("sample")]
    [InlineData("position")]
    public void Uniform_NeighbouringArguments_AreIndependentInPairs(string varying)
    {
        int[] cells = new int[256];                          // 16 x 16: a number against its neighbour's
        for (uint i = 0; i < 65_536; i++)
        {
            double a = CounterRandom.Uniform(i, 2, 9);
            double b = varying switch
            {
                "seed" => CounterRandom.Uniform(i + 1, 2, 9),
                "sample" => CounterRandom.Uniform(i, 3, 9),
                _ => CounterRandom.Uniform(i, 2, 10),
            };
            cells[((int)(a * 16) * 16) + (int)(b * 16)]++;
        }

        ChiSquare.AssertFits(cells, [.. Enumerable.Repeat(1 / 256.0, 256)]);
    }

    [Fact]
    public void Uniform_LowBits_AreRandomToo()
    {
        int[] cells = new int[64];
        for (uint i = 0; i < 65_536; i++)
        {
            cells[(int)((long)(CounterRandom.Uniform(1, 0, i) * (1L << 53)) & 63)]++;
        }

        ChiSquare.AssertFits(cells, [.. Enumerable.Repeat(1 / 64.0, 64)]);
    }

    [Fact]
    public void Derive_ManyIndices_GivesDistinctSeedsUnlikeTheirSource()
    {
        uint[] seeds = [.. Enumerable.Range(0, 10_000).Select(i => CounterRandom.Derive(42, (uint)i))];
        // 10,000 draws of 2^32: 0.01 collisions expected.
        Assert.Equal(seeds.Length, seeds.Distinct().Count());
        Assert.DoesNotContain(42u, seeds);
    }

    [Fact]
    public void Uniform_SeedOf32Bits_IsTheKeyAlone()
    {
        (uint high, uint low, _, _) = CounterRandom.Philox(5, 0, 0, 0, 4_294_967_295, 2);

        Assert.Equal((((ulong)high << 21) ^ (low >> 11)) * (1.0 / (1UL << 53)), CounterRandom.Uniform(uint.MaxValue, 2, 5));
    }

    [Theory]
    [InlineData(1UL << 32)]
    [InlineData(ulong.MaxValue)]                             // -1 in two's complement
    [InlineData((ulong)long.MaxValue)]
    public void Uniform_SeedAbove32Bits_CountsWhole(ulong seed)
    {
        Assert.NotEqual(CounterRandom.Uniform((uint)seed, 0, 0), CounterRandom.Uniform(seed, 0, 0));
        Assert.NotEqual(CounterRandom.Derive((uint)seed, 0), CounterRandom.Derive(seed, 0));
    }
}
