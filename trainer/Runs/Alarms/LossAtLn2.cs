namespace Rudder.Trainer.Runs.Alarms;

/// <summary>A preference loss that stays at ln 2, its value where policy and reference agree: the policy does not move.</summary>
internal sealed class LossAtLn2 : IAlarm
{
    private const int Steps = 50;
    private const double Near = 1e-3;
    private readonly Window _losses = new(Steps);

    public string Name => "loss_at_ln2";

    public Finding? Check(IReadOnlyDictionary<string, double> values)
    {
        if (!values.ContainsKey("rewards/margins"))
        {
            return null;
        }

        _losses.Add(values["loss"]);
        return _losses.IsFull && _losses.Values.All(loss => Math.Abs(loss - Math.Log(2)) < Near)
            ? new Finding(values["loss"], FormattableString.Invariant(
                $"loss is {values["loss"]:0.00000} and was within {Near} of ln 2 for {Steps} steps: the policy does not move away from its reference. ")
                + "The learning rate is likely too small, or the pairs carry no preference. Raise optimizer.learning_rate, and look at some pairs.")
            : null;
    }
}
