namespace Rudder.Trainer.Runs.Alarms;

/// <summary>Completions that repeat themselves or each other: the policy has likely found a text that its reward likes.</summary>
internal sealed class RepetitiveSamples : IAlarm
{
    private const double Most = 0.5;

    public string Name => "repetitive_samples";

    public Finding? Check(IReadOnlyDictionary<string, double> values)
    {
        if (!values.TryGetValue("rollout/repetition", out double repetition) || !values.TryGetValue("rollout/distinct", out double distinct))
        {
            return null;
        }

        const string Cause = "The policy has likely found a text that its reward likes. Read samples.jsonl; strengthen the KL term (alpha, beta, kl_coef), "
            + "or add a reward that dislikes it.";
        return repetition > Most
            ? new Finding(repetition, FormattableString.Invariant($"rollout/repetition is {repetition:0.00}: more than {Most} of the token pairs of a completion repeat. ") + Cause)
            : distinct < 1 - Most
                ? new Finding(distinct, FormattableString.Invariant($"rollout/distinct is {distinct:0.00}: most completions of a step equal another. ") + Cause)
                : null;
    }
}
