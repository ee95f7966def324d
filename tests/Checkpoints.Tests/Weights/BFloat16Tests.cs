namespace Rudder.Checkpoints.Tests;

/// <summary>Rounding to bfloat16, worked out by hand: between 1 and 2 its values are 1/128 apart.</summary>
public sealed class BFloat16Tests
{
    [Theory]
    [InlineData(1f, 1f)]
    [InlineData(1.00390625f, 1f)]                       // 1 + 1/256, half-way: to the even 128/128
    [InlineData(1.0039064f, 1.0078125f)]                // a little more: up
    [InlineData(1.01171875f, 1.015625f)]                // 1 + 3/256, half-way: to the even 130/128
    [InlineData(-1.00390625f, -1f)]
    [InlineData(-1.01171875f, -1.015625f)]
    [InlineData(0.1f, 0.10009765625f)]                  // 3DCCCCCD -> 3DCD
    [InlineData(3.1415927f, 3.140625f)]                 // 40490FDB -> 4049
    [InlineData(float.Epsilon, 0f)]
    [InlineData(float.MaxValue, float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity, float.NegativeInfinity)]
    public void FromSingle_OneValue_MatchesHandComputedNeighbour(float value, float expected) =>
        Assert.Equal(expected, BFloat16.ToSingle(BFloat16.FromSingle(value)));

    [Theory]
    [InlineData(0x7F800001u)]                           // its payload lies in the half that is cut off
    [InlineData(0xFFFFFFFFu)]                           // rounded up it would run over
    public void FromSingle_NotANumber_StaysOne(uint bits) =>
        Assert.True(float.IsNaN(BFloat16.ToSingle(BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(bits)))));
}
