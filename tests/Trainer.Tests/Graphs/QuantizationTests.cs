using Rudder.Trainer.Graphs;

namespace Rudder.Trainer.Tests.Graphs;

/// <summary>Per-column quantization on numbers worked out by hand.</summary>
public sealed class QuantizationTests
{
    [Fact]
    public void PerColumn_KnownMatrix_MatchesHandComputedBytes()
    {
        (sbyte[] bytes, float[] scales) = Quantization.PerColumn([1.27f, 0f, -10f, -0.635f, 0f, 2.54f], columns: 3);
        Assert.Equal([0.01f, 1f, 10f / 127f], scales);
        Assert.Equal<sbyte>([127, 0, -127, -64, 0, 32], bytes);         // −63.5 to even: −64; 2.54·12.7 = 32.258 to 32
    }

    [Fact]
    public void Transpose_TwoByThree_TurnsRowsIntoColumns() =>
        Assert.Equal([1f, 4f, 2f, 5f, 3f, 6f], Quantization.Transpose([1, 2, 3, 4, 5, 6], rows: 2, columns: 3));

    [Fact]
    public void Transpose_WrongSize_NamesBoth()
    {
        var e = Assert.Throws<ArgumentException>(() => Quantization.Transpose([1, 2, 3], rows: 2, columns: 2));
        Assert.Contains("has 4 values; 3 were given", e.Message, StringComparison.Ordinal);
    }
}
