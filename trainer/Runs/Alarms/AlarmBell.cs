using System.Text.Json;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Runs.Alarms;

/// <summary>Checks every alarm after each step. A finding is printed and written to alarms.jsonl once, until a step without it.</summary>
internal sealed class AlarmBell
{
    private readonly IReadOnlyList<IAlarm> _alarms;
    private readonly HashSet<string> _sounding = new(StringComparer.Ordinal);
    private readonly string? _path;
    private readonly bool _stops;

    /// <summary>Creates the alarms of a recipe.</summary>
    /// <param name="recipe">Its policy and limits.</param>
    /// <param name="path">alarms.jsonl of the run. Lines of steps that a resumed run repeats are dropped. Null writes none.</param>
    /// <param name="earlier">Metrics of the steps that a resumed run has logged: windows and sounding alarms continue from them.</param>
    /// <param name="step">Steps taken so far.</param>
    public AlarmBell(TrainingRecipe recipe, string? path, IEnumerable<IReadOnlyDictionary<string, double>> earlier, int step)
    {
        if (path is not null)
        {
            StepLines.Trim(path, step);
        }

        (_path, _stops) = (path, recipe.Alarms == "stop");
        _alarms =
        [
            new LossAtLn2(), new FallingChosen(), new RewardAccuracy(), new NegativeKl(), new RepetitiveSamples(),
            .. recipe is OnPolicyRecipe { MaxKl: > 0 and double limit } ? [new SequenceKl(limit)] : Array.Empty<IAlarm>(),
            .. (recipe as OnPolicyRecipe)?.Rewards.Where(reward => reward.Weight == 0).Select(reward => new DisagreeingJudge(reward.Name)) ?? [],
        ];
        foreach (IReadOnlyDictionary<string, double> values in earlier)
        {
            _ = NewFindings(values).Count(); // silently: they sounded when the step was taken
        }
    }

    /// <summary>Checks the metrics of a step.</summary>
    /// <param name="step">The step, from 1.</param>
    /// <param name="values">Its metrics.</param>
    /// <param name="show">Prints a line.</param>
    /// <exception cref="WorkFailedException">An alarm sounds, and the recipe's alarms stop the run.</exception>
    public void Check(int step, IReadOnlyDictionary<string, double> values, Action<string> show)
    {
        foreach ((string name, Finding finding) in NewFindings(values))
        {
            string message = $"alarm {name} at step {step}: {finding.Message}";
            if (_path is not null)
            {
                var line = new { step, alarm = name, value = finding.Value, message = finding.Message };
                File.AppendAllText(_path, JsonSerializer.Serialize(line) + "\n");
            }

            show(message);
            if (_stops)
            {
                throw new WorkFailedException($"{message} The run stops because alarms is 'stop'; its last checkpoint is kept.");
            }
        }
    }

    /// <summary>Shows a step to every alarm.</summary>
    /// <returns>What they found and had not found in the step before.</returns>
    private IEnumerable<(string Alarm, Finding Finding)> NewFindings(IReadOnlyDictionary<string, double> values)
    {
        foreach (IAlarm alarm in _alarms)
        {
            if (alarm.Check(values) is not { } finding)
            {
                _sounding.Remove(alarm.Name);
            }
            else if (_sounding.Add(alarm.Name))
            {
                yield return (alarm.Name, finding);
            }
        }
    }
}
