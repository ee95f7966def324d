using Rudder.Client.Forecasts;
using Rudder.Tests;

namespace Rudder.Client.Tests.Forecasts;

/// <summary>CSV files of forecasts: what is read, and what is refused with its line.</summary>
public sealed class ForecastFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_ColumnsInAnyOrderBesideOthers_TakesTheNamedOnes()
    {
        string path = _folder.Write("f.csv", "id,outcome,note,probability\n1, 1 ,\"a, b\",0.25\n\n2,0,,1e-3\n");
        Assert.Equal([new Forecast(0.25, true), new Forecast(0.001, false)], new ForecastFile(path).Read());
    }

    [Fact]
    public void Read_OtherColumnNames_AreTakenWhereNamed()
    {
        string path = _folder.Write("f.csv", "p,won\n0,0\n1,1\n");
        Assert.Equal([new Forecast(0, false), new Forecast(1, true)], new ForecastFile(path, "p", "won").Read());
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("probability,outcome\n", "no forecasts")]
    [InlineData("probability,result\n0.5,1\n", "line 1 has no column 'outcome'")]
    [InlineData("probability,outcome\n0.5,1\n1.01,1\n", "line 3: probability is '1.01'")]
    [InlineData("probability,outcome\n-0.1,1\n", "line 2: probability is '-0.1'")]
    [InlineData("probability,outcome\nNaN,1\n", "line 2: probability is 'NaN'")]
    [InlineData("probability,outcome\n\"0,5\",1\n", "line 2: probability is '0,5'")]
    [InlineData("probability,outcome\n,1\n", "line 2: probability is missing")]
    [InlineData("probability,outcome\n0.5\n", "line 2: outcome is missing")]
    [InlineData("probability,outcome\n0.5,2\n", "line 2: outcome is '2'")]
    [InlineData("probability,outcome\n0.5,true\n", "line 2: outcome is 'true'")]
    [InlineData("probability,outcome\n0.5,1\n0.5,0\"x\n", "line 3 is not CSV")]
    public void Read_WrongFile_IsBadInputThatNamesTheLine(string text, string said)
    {
        string path = _folder.Write("f.csv", text);
        BadInputException error = Assert.Throws<BadInputException>(() => new ForecastFile(path).Read());
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingFile_IsBadInput() =>
        Assert.Contains(
            "does not exist",
            Assert.Throws<BadInputException>(() => new ForecastFile(_folder.File("none.csv")).Read()).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Read_ShippedSample_HoldsBothOutcomesOverTheWholeRange()
    {
        IReadOnlyList<Forecast> sample = new ForecastFile(Path.Combine(SharedFolder.Root, "experiments", "forecast", "forecasts.csv")).Read();
        Assert.InRange(sample.Count, 200, 2000);
        Assert.Equal(10, ForecastResult.Of("sample", sample, 10).Bins.Count);
        Assert.Contains(sample, forecast => forecast.Happened);
        Assert.Contains(sample, forecast => !forecast.Happened);
    }
}
