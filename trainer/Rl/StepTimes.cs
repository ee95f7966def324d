namespace Rudder.Trainer.Rl;

/// <summary>Splits a step's time into its parts.</summary>
/// <param name="clock">The clock.</param>
internal sealed class StepTimes(TimeProvider clock)
{
    private readonly Dictionary<string, double> _seconds = new(StringComparer.Ordinal);

    /// <summary>Runs a part of the step and adds its time.</summary>
    /// <param name="part">rollout, reward, train or update_weights.</param>
    /// <param name="work">The part.</param>
    public T Measure<T>(string part, Func<T> work)
    {
        long start = clock.GetTimestamp();
        T result = work();
        _seconds[part] = _seconds.GetValueOrDefault(part) + clock.GetElapsedTime(start).TotalSeconds;
        return result;
    }

    /// <summary><c>time/PART</c> in seconds, and the speed of the rollouts.</summary>
    /// <param name="drawn">Tokens drawn in the step.</param>
    public IEnumerable<KeyValuePair<string, double>> Metrics(long drawn) =>
    [
        .. _seconds.Select(part => KeyValuePair.Create($"time/{part.Key}", part.Value)),
        new("rollout/tokens_per_second", drawn / Math.Max(_seconds.GetValueOrDefault("rollout"), 1e-9)),
    ];
}
