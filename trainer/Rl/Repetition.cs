namespace Rudder.Trainer.Rl;

/// <summary>Measures how much completions repeat themselves and each other: a policy that games its reward often does both.</summary>
internal static class Repetition
{
    /// <summary>Share of a completion's pairs of neighbouring tokens that occurred before in it; 0 below two pairs.</summary>
    public static double Of(IReadOnlyList<int> ids)
    {
        int pairs = ids.Count - 1;
        return pairs < 2 ? 0 : 1 - (ids.Skip(1).Zip(ids, (second, first) => (first, second)).Distinct().Count() / (double)pairs);
    }

    /// <summary>Distinct completions as a share of all, 1 if no two are equal.</summary>
    public static double Distinct(IReadOnlyCollection<Rollout> rollouts) =>
        rollouts.Select(rollout => string.Join(',', rollout.Ids)).Distinct(StringComparer.Ordinal).Count() / (double)rollouts.Count;
}
