using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Rudder.Client.Forecasts;
using Rudder.Client.Reports;

namespace Rudder.Client.Tests.Reports;

/// <summary>The page of forecasts: scores, diagram, no load from elsewhere.</summary>
public sealed partial class ForecastPageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_Charts_HoldTheBins()
    {
        JsonNode[] charts = [.. ChartJson().Matches(Page(new(0.75, true), new(0.25, true))).Select(match => JsonNode.Parse(match.Groups[1].Value)!)];
        Assert.Equal(2, charts.Length);
        JsonNode observed = charts[0]["data"]![1]!; // after the line of calibrated forecasts
        Assert.Equal([0.25, 0.75], observed["x"]!.AsArray().Select(value => value!.GetValue<double>()));
        Assert.Equal([1, 1], observed["y"]!.AsArray().Select(value => value!.GetValue<double>()));
        Assert.Equal([1, 1], charts[1]["data"]![0]!["y"]!.AsArray().Select(value => value!.GetValue<int>()));
    }

    [Fact]
    public void Write_Scores_StandInTheTable() =>
        Assert.Contains("<th>Brier score</th><td>0.3125</td>", Page(new(0.75, true), new(0.25, true)), StringComparison.Ordinal);

    [Theory]
    [InlineData(0.0, true)]
    [InlineData(0.1, false)]
    public void Write_ClippedLoss_IsSaid(double probability, bool said) =>
        Assert.Equal(said, Page(new Forecast(probability, true)).Contains("gave no chance to what happened", StringComparison.Ordinal));

    [GeneratedRegex("""<script type="application/json">(.*?)</script>""", RegexOptions.Singleline)]
    private static partial Regex ChartJson();

    private string Page(params Forecast[] forecasts)
    {
        string output = _folder.File("page.html");
        ForecastPage.Write(ForecastResult.Of("<i>.csv", forecasts, 10), output);
        string page = File.ReadAllText(output);
        Assert.Contains("&lt;i&gt;.csv", page, StringComparison.Ordinal);
        return page;
    }
}
