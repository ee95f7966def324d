namespace Rudder.Trainer.Runs.Alarms;

/// <summary>An exact KL below 0, which only a fault can give. Rounding gives at most a few millionths.</summary>
internal sealed class NegativeKl : IAlarm
{
    private const double Rounding = -1e-3;

    public string Name => "negative_kl";

    public Finding? Check(IReadOnlyDictionary<string, double> values) =>
        values.TryGetValue("kl/seq_exact", out double kl) && kl < Rounding
            ? new Finding(kl, FormattableString.Invariant($"kl/seq_exact is {kl:0.00000} nats; an exact KL is never negative. ")
                + "Logits are likely damaged, or policy and reference disagree about the vocabulary. Do not trust this run: check both model folders.")
            : null;
}
