namespace Rudder.Trainer.Runs.Alarms;

/// <summary>A reward that rises while a judge, a reward of weight 0, falls: the policy learns the reward's faults (over-optimisation).</summary>
/// <param name="judge">The judge's name in the recipe.</param>
internal sealed class DisagreeingJudge(string judge) : IAlarm
{
    private const int Steps = 40;
    private const double StandardErrors = 3;
    private readonly Window _rewards = new(Steps);
    private readonly Window _judged = new(Steps);

    public string Name => $"judge_disagrees/{judge}";

    public Finding? Check(IReadOnlyDictionary<string, double> values)
    {
        if (!values.TryGetValue("objective/scores", out double reward) || !values.TryGetValue($"reward/{judge}", out double judged))
        {
            return null;
        }

        _rewards.Add(reward);
        _judged.Add(judged);
        return _rewards.IsFull && _rewards.Trend() > StandardErrors && _judged.Trend() < -StandardErrors
            ? new Finding(judged, FormattableString.Invariant(
                $"objective/scores rose to {reward:0.000} over the last {Steps} steps while reward/{judge} fell to {judged:0.000}. The policy learns the reward's faults. ")
                + "Read samples.jsonl; stop at an earlier checkpoint, strengthen the KL term, or give the judge a weight.")
            : null;
    }
}
