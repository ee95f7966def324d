namespace Rudder.Engine.Tests.Sampling;

public class SamplingParametersTests
{
    [Theory]
    [InlineData(-0.1f, 0, 1f, 0f, "temperature")]
    [InlineData(100.5f, 0, 1f, 0f, "temperature")]
    [InlineData(float.NaN, 0, 1f, 0f, "temperature")]
    [InlineData(1f, -1, 1f, 0f, "top_k")]
    [InlineData(1f, 0, 0f, 0f, "top_p")]
    [InlineData(1f, 0, 1.01f, 0f, "top_p")]
    [InlineData(1f, 0, float.NaN, 0f, "top_p")]
    [InlineData(1f, 0, 1f, 1f, "min_p")]
    [InlineData(1f, 0, 1f, -0.01f, "min_p")]
    public void Constructor_ValueOutOfRange_NamesFieldValueAndRule(float temperature, int topK, float topP, float minP, string field)
    {
        var fault = Assert.Throws<RequestFault>(() => new SamplingParameters(temperature, topK, topP, minP));
        Assert.Equal("settings." + field, fault.Field);
        Assert.StartsWith("it takes ", fault.Limit);
    }

    [Fact]
    public void With_ValueOutOfRange_IsRefusedToo() =>
        Assert.Throws<RequestFault>(() => SamplingParameters.Plain with { TopP = 2 });

    [Fact]
    public void Defaults_AreUntruncatedTemperatureOne()
    {
        var plain = new SamplingParameters();
        Assert.Equal((1f, 0, 1f, 0f), (plain.Temperature, plain.TopK, plain.TopP, plain.MinP));
        Assert.False(plain.IsTruncated);
        Assert.False(plain.IsGreedy);
    }
}
