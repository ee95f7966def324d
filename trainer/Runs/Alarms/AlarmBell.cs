using System.Text.Json;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Runs.Alarms;

/// <summary>Checks every alarm after each step. A finding is printed and written to alarms.jsonl once, until a step without it.</summary>
internal sealed class AlarmBell
{
    private readonly IReadOnlyList<IAlarm> _alarms;
    private readonly HashSet<string> _sounding = new(StringComparer.Ordinal);
    private readonly string _path;
    private readonly bool _stops;

    /// <summary>Creates the alarms of a recipe.</summary>
    /// <param name="recipe">Its policy and limits.</param>
    /// <param name="path">alarms.jsonl of the run. A resumed run appends to it, and its alarms watch from the resume on.</param>
    public AlarmBell(TrainingRecipe recipe, string path)
    {
        (_path, _stops) = (path, recipe.Alarms == "stop");
        _alarms =
        [
            new LossAtLn2(), new FallingChosen(), new RewardAccuracy(), new NegativeKl(), new RepetitiveSamples(),
            .. recipe is OnPolicyRecipe { MaxKl: > 0 and double limit } ? [new SequenceKl(limit)] : Array.Empty<IAlarm>(),
            .. (recipe as OnPolicyRecipe)?.Rewards.Where(reward => reward.Weight == 0).Select(reward => new DisagreeingJudge(reward.Name)) ?? [],
        ];
    }

    /// <summary>Checks the metrics of a step.</summary>
    /// <param name="step">The step, from 1.</param>
    /// <param name="values">Its metrics.</param>
    /// <param name="show">Prints a line.</param>
    /// <exception cref="WorkFailedException">An alarm sounds, and the recipe's alarms stop the run.</exception>
    public void Check(int step, IReadOnlyDictionary<string, double> values, Action<string> show)
    {
        foreach (IAlarm alarm in _alarms)
        {
            if (alarm.Check(values) is not { } finding)
            {
                _sounding.Remove(alarm.Name);
            }
            else if (_sounding.Add(alarm.Name))
            {
                string message = $"alarm {alarm.Name} at step {step}: {finding.Message}";
                var line = new { step, alarm = alarm.Name, value = finding.Value, message = finding.Message };
                File.AppendAllText(_path, JsonSerializer.Serialize(line) + "\n");
                show(message);
                if (_stops)
                {
                    throw new WorkFailedException($"{message} The run stops because alarms is 'stop'; its last checkpoint is kept.");
                }
            }
        }
    }
}
