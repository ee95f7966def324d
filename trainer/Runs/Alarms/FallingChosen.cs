namespace Rudder.Trainer.Runs.Alarms;

/// <summary>Preference training that makes the chosen completions less probable: it wins its margins by pushing down both sides.</summary>
internal sealed class FallingChosen : IAlarm
{
    private const int Steps = 20;
    private const double LeastFall = 5;                     // nats
    private const double RelativeFall = 0.1;
    private readonly Window _newest = new(Steps);
    private double? _start;

    public string Name => "falling_chosen";

    public Finding? Check(IReadOnlyDictionary<string, double> values)
    {
        if (!values.TryGetValue("logps/chosen", out double chosen))
        {
            return null;
        }

        _newest.Add(chosen);
        if (!_newest.IsFull)
        {
            return null;
        }

        double mean = _newest.Values.Average();
        _start ??= mean;
        double fall = _start.Value - mean;
        return fall > Math.Max(LeastFall, RelativeFall * Math.Abs(_start.Value))
            ? new Finding(mean, FormattableString.Invariant(
                $"logps/chosen is {mean:0.0} nats over the last {Steps} steps; it began at {_start.Value:0.0}. The policy makes chosen completions less probable too. ")
                + "Raise beta, lower optimizer.learning_rate, or mix in the loss 'sft'.")
            : null;
    }
}
