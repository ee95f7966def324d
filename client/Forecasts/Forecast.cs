namespace Rudder.Client.Forecasts;

/// <summary>A forecast of a yes-or-no event, and its outcome.</summary>
/// <param name="Probability">Forecast probability of the event, in [0, 1].</param>
/// <param name="Happened">Whether it happened.</param>
internal readonly record struct Forecast(double Probability, bool Happened);
