namespace Rudder.Trainer.Runs.Alarms;

/// <summary>A policy that has left its reference: the exact KL of its completions is above a limit.</summary>
/// <param name="limit">Nats per completion.</param>
internal sealed class SequenceKl(double limit) : IAlarm
{
    public string Name => "sequence_kl";

    public Finding? Check(IReadOnlyDictionary<string, double> values) =>
        values.TryGetValue("kl/seq_exact", out double kl) && kl > limit
            ? new Finding(kl, FormattableString.Invariant(
                $"kl/seq_exact is {kl:0.00} nats; max_kl is {limit}. The policy has left its reference and likely exploits the reward. ")
                + "Read samples.jsonl; strengthen the KL term (alpha, beta, kl_coef) or lower optimizer.learning_rate.")
            : null;
}
