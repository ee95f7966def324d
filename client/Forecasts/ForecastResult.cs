namespace Rudder.Client.Forecasts;

/// <summary>How good forecasts were: the JSON of <c>client forecast</c>.</summary>
/// <param name="File">The forecasts.</param>
/// <param name="Forecasts">Their number.</param>
/// <param name="BaseRate">Share of events that happened.</param>
/// <param name="Accuracy">Share of forecasts on the right side; 0.5 or more forecasts that the event happens.</param>
/// <param name="LogLoss">Mean of −ln of the probability given to what happened, nats; ln 2 where every forecast is 0.5.</param>
/// <param name="LogLossClipped">Forecasts that gave less than machine epsilon, mostly 0, to what happened. Each counts as 36.04 nats.</param>
/// <param name="Brier">Mean squared difference of probability and outcome; 0.25 where every forecast is 0.5.</param>
/// <param name="Bins">The reliability diagram: bins of equal width, empty ones left out.</param>
internal sealed record ForecastResult(
    string File,
    int Forecasts,
    double BaseRate,
    double Accuracy,
    double LogLoss,
    int LogLossClipped,
    double Brier,
    IReadOnlyList<ReliabilityBin> Bins)
{
    /// <summary>Stage of a run that scores forecasts.</summary>
    public const string StageName = "forecast";

    /// <summary>File in that stage's folder.</summary>
    public const string FileName = "forecast.json";

    /// <summary>2⁻⁵², the machine epsilon of float64: the log loss clips probabilities to [2⁻⁵², 1 − 2⁻⁵²], as scikit-learn does.</summary>
    private const double Epsilon = 2.220446049250313e-16;

    /// <summary>The result in the folder of a run.</summary>
    public static string PathIn(string run) => Path.Combine(run, StageName, FileName);

    /// <summary>Scores of the forecasts.</summary>
    /// <param name="file">Named in the result.</param>
    /// <param name="forecasts">At least one.</param>
    /// <param name="bins">Bins of the reliability diagram, 1 to 100.</param>
    public static ForecastResult Of(string file, IReadOnlyList<Forecast> forecasts, int bins)
    {
        BadInputException.Unless(bins is >= 1 and <= 100, $"bins is {bins}; it must lie between 1 and 100.");
        return new ForecastResult(
            file,
            forecasts.Count,
            forecasts.Average(forecast => Outcome(forecast)),
            forecasts.Average(forecast => (forecast.Probability >= 0.5) == forecast.Happened ? 1.0 : 0.0),
            forecasts.Average(forecast => -Math.Log(Math.Clamp(Given(forecast), Epsilon, 1 - Epsilon))),
            forecasts.Count(forecast => Given(forecast) < Epsilon),
            forecasts.Average(forecast => Math.Pow(forecast.Probability - Outcome(forecast), 2)),
            ReliabilityBin.Of(forecasts, bins));
    }

    private static double Outcome(Forecast forecast) => forecast.Happened ? 1 : 0;

    /// <summary>The probability given to what happened.</summary>
    private static double Given(Forecast forecast) => forecast.Happened ? forecast.Probability : 1 - forecast.Probability;
}

/// <summary>One bin of a reliability diagram: forecasts of about one probability.</summary>
/// <param name="Low">Lower end of the forecast probabilities, included.</param>
/// <param name="High">Upper end, included only in the last bin.</param>
/// <param name="Forecasts">Forecasts in the bin.</param>
/// <param name="MeanForecast">Mean of their probabilities.</param>
/// <param name="Observed">Share of their events that happened; equal to the mean forecast where forecasts are calibrated.</param>
/// <param name="ObservedCi">95 % Wilson interval of that share.</param>
internal sealed record ReliabilityBin(double Low, double High, int Forecasts, double MeanForecast, double Observed, double[] ObservedCi)
{
    private const double Normal975 = 1.959963984540054; // 97.5 % quantile of the standard normal distribution

    /// <summary>The bins that hold a forecast, from low to high.</summary>
    public static IReadOnlyList<ReliabilityBin> Of(IReadOnlyList<Forecast> forecasts, int bins) =>
    [
        .. forecasts
            .GroupBy(forecast => Math.Min((int)(forecast.Probability * bins), bins - 1)) // a probability of 1 belongs to the last bin
            .OrderBy(bin => bin.Key)
            .Select(bin => Of((double)bin.Key / bins, (double)(bin.Key + 1) / bins, [.. bin])),
    ];

    private static ReliabilityBin Of(double low, double high, Forecast[] members)
    {
        double observed = members.Average(forecast => forecast.Happened ? 1.0 : 0.0);
        return new ReliabilityBin(
            low, high, members.Length, members.Average(forecast => forecast.Probability), observed, Wilson(observed, members.Length));
    }

    /// <summary>Wilson (1927): the shares whose own 95 % interval would hold the observed one. Never outside [0, 1].</summary>
    private static double[] Wilson(double share, int count)
    {
        double z2 = Normal975 * Normal975 / count;
        double middle = (share + (z2 / 2)) / (1 + z2);
        double half = Normal975 / (1 + z2) * Math.Sqrt((share * (1 - share) / count) + (z2 / (4 * count)));
        return [Math.Max(0, middle - half), Math.Min(1, middle + half)];
    }
}
