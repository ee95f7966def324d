using System.Text.RegularExpressions;

namespace Rudder.Trainer.Rl;

/// <summary>Rewards completions in which a regular expression matches: the number of matches, up to a limit.</summary>
internal sealed class RegexReward : IReward
{
    private static readonly TimeSpan LongestMatch = TimeSpan.FromSeconds(1); // some patterns take exponential time
    private readonly Regex _pattern;
    private readonly int _maxMatches;

    /// <summary>Compiles the pattern.</summary>
    /// <param name="pattern">A valid .NET regular expression; the prompt is not searched.</param>
    /// <param name="maxMatches">Matches counted at most; 1 scores 0 or 1.</param>
    public RegexReward(string pattern, int maxMatches)
    {
        _pattern = new Regex(pattern, RegexOptions.CultureInvariant, LongestMatch);
        _maxMatches = maxMatches;
    }

    public double[] Score(IReadOnlyList<Rollout> rollouts, CancellationToken stop) => [.. rollouts.Select(Score)];

    public void Dispose()
    {
    }

    private double Score(Rollout rollout)
    {
        try
        {
            return _pattern.Matches(rollout.Completion).Take(_maxMatches).Count();
        }
        catch (RegexMatchTimeoutException slow)
        {
            throw new WorkFailedException(
                $"Pattern '{_pattern}' took longer than {LongestMatch.TotalSeconds} s on one completion. Simplify it: nested repetitions "
                + "take exponential time.",
                slow);
        }
    }
}
