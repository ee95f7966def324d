namespace Rudder.Trainer.Runs.Alarms;

/// <summary>A reward model that ranks pairs no better than a coin.</summary>
internal sealed class RewardAccuracy : IAlarm
{
    private const int Steps = 50;
    private const double Margin = 0.05;
    private readonly Window _newest = new(Steps);

    public string Name => "reward_accuracy";

    public Finding? Check(IReadOnlyDictionary<string, double> values)
    {
        if (!values.ContainsKey("margin") || !values.TryGetValue("accuracy", out double accuracy)) // a classifier has no margin
        {
            return null;
        }

        _newest.Add(accuracy);
        double mean = _newest.Values.Average();
        return _newest.IsFull && Math.Abs(mean - 0.5) < Margin
            ? new Finding(mean, FormattableString.Invariant($"accuracy is {mean:0.000} over the last {Steps} steps, near the 0.5 of a coin. ")
                + "The learning rate is likely wrong, or chosen and rejected were mixed up. Try another optimizer.learning_rate, and look at some pairs.")
            : null;
    }
}
