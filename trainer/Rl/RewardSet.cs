using System.Globalization;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Rl;

/// <summary>The rewards of a recipe, loaded.</summary>
internal sealed class RewardSet : IDisposable
{
    private readonly List<(RewardSettings Settings, IReward Reward)> _rewards = [];

    /// <summary>Loads every reward.</summary>
    /// <param name="settings">The recipe's rewards.</param>
    /// <param name="tokenizer">Folder of the policy's tokenizer.</param>
    /// <param name="longest">Tokens of the longest prompt and completion.</param>
    /// <param name="temporary">Folder for exports.</param>
    /// <param name="threads">Compute threads.</param>
    /// <param name="time">Clock of retries.</param>
    public RewardSet(
        IReadOnlyList<RewardSettings> settings, string tokenizer, int longest, string temporary, int threads, TimeProvider time)
    {
        try
        {
            foreach (RewardSettings one in settings)
            {
                _rewards.Add((one, Load(one, tokenizer, longest, Path.Combine(temporary, one.Name), threads, time)));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Scores completions with every reward.</summary>
    /// <exception cref="WorkFailedException">A reward gave another number of scores, or one that is NaN or infinite.</exception>
    /// <exception cref="UnavailableException">A reward outside this process does not answer.</exception>
    public RewardScores Score(IReadOnlyList<Rollout> rollouts, CancellationToken stop)
    {
        var total = new double[rollouts.Count];
        var byName = new List<KeyValuePair<string, double[]>>(_rewards.Count);
        foreach ((RewardSettings settings, IReward reward) in _rewards)
        {
            double[] scores = rollouts.Count == 0 ? [] : reward.Score(rollouts, stop);
            int broken = Array.FindIndex(scores, score => !double.IsFinite(score));
            if (broken >= 0)
            {
                throw new WorkFailedException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Reward '{settings.Name}' gave {scores[broken]} for a completion of prompt '{rollouts[broken].Prompt.Id}'; "
                    + $"a reward is a finite number."));
            }

            byName.Add(new(settings.Name, scores));
            for (int i = 0; i < total.Length; i++)
            {
                total[i] += settings.Weight * scores[i];
            }
        }

        return new RewardScores(total, byName);
    }

    public void Dispose()
    {
        foreach ((_, IReward reward) in _rewards)
        {
            reward.Dispose();
        }
    }

    private static IReward Load(RewardSettings settings, string tokenizer, int longest, string temporary, int threads, TimeProvider time)
    {
        var timeout = TimeSpan.FromSeconds(settings.TimeoutSeconds ?? 60);
        int retries = settings.Retries ?? 5;
        return settings.Kind switch
        {
            "classifier" => ClassifierReward.Load(settings.Model!, settings.Label, temporary, threads),
            "reward_model" => ClassifierReward.LoadScore(settings.Model!, tokenizer, longest, temporary, threads),
            "service" => new ServiceReward(
                new ServiceConnection(new Uri(settings.Url!), settings.ApiKeyFile, timeout, retries, time), settings.Model!, settings.Label),
            "http" => new HttpReward(new Uri(settings.Url!), timeout, retries, time),
            "length" => new LengthReward(settings.Target!.Value),
            "regex" => new RegexReward(settings.Pattern!, settings.MaxMatches ?? 1),
            _ => throw new BadInputException($"rewards.kind is '{settings.Kind}'; docs/recipes.md lists the kinds."),
        };
    }
}
