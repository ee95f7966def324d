using System.Globalization;
using System.Text.Json.Nodes;
using Rudder.Trainer.Data;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs.Alarms;

namespace Rudder.Trainer.Runs;

/// <summary>
/// Drives a recipe's loop: counts steps, writes metrics and progress, and decides when to evaluate, save and stop.
/// It does not depend on models, data or losses.
/// </summary>
internal sealed class TrainingSession : IDisposable
{
    private static readonly string[] Own = ["split", "step", "epoch", "learning_rate", "grad_norm", "tokens_per_second", "num_tokens"];

    private readonly TrainingRecipe _recipe;
    private readonly RunFolder _run;
    private readonly RunRequest _request;
    private readonly int _total;
    private readonly int _stepsPerEpoch;
    private readonly Ranks _ranks;
    private readonly MetricLog? _log;                       // only the first process writes
    private readonly Display _display;
    private readonly ProgressDisplay _progress;
    private readonly TokenRate _tokenRate;
    private readonly AlarmBell _alarms;
    private readonly CancellationTokenRegistration _stopAsked;
    private readonly long _started;
    private readonly double _earlierSeconds;
    private int _evaluatedStep = -1;
    private IReadOnlyList<KeyValuePair<string, double>> _lastEvaluation = [];

    /// <summary>Opens the metric files and starts the clock.</summary>
    public TrainingSession(TrainingRecipe recipe, RunFolder run, RunRequest request, TrainingState state, int total, int stepsPerEpoch)
    {
        _recipe = recipe;
        _run = run;
        _request = request;
        _ranks = run.Ranks;
        _total = total;
        _stepsPerEpoch = stepsPerEpoch;
        State = state;
        _earlierSeconds = state.Seconds;
        IEnumerable<JsonObject> earlier = MetricLog.Training(run, state.Step);
        _alarms = new AlarmBell(recipe, _ranks.IsFirst ? run.File("alarms.jsonl") : null, earlier.Select(line => Metrics(line).ToDictionary()), state.Step);
        _log = _ranks.IsFirst ? new MetricLog(run, state.Step, total, request.Clock) : null;
        LastTraining = _log?.LastTraining is { } logged ? [.. Metrics(logged)] : [];
        _display = request.Display;
        _progress = new ProgressDisplay(_display, "train", "steps", state.Step);
        _tokenRate = new TokenRate(request.Clock);
        _started = request.Clock.GetTimestamp();
        _stopAsked = _ranks.Count > 1 ? request.Stop.Register(SayThatAllStop) : default;
        if (state.Step > 0)
        {
            EpochRandom.SeedCuda(_ranks.SeedOf(recipe.Seed), state.Step); // as after that step in a run without a break
        }
    }

    /// <summary>The run's current progress.</summary>
    public TrainingState State { get; private set; }

    /// <summary>Loss and recipe metrics of the last step. After a resume they come from the metric log.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> LastTraining { get; private set; }

    /// <summary>Whether evaluate_every asks for an evaluation after this step.</summary>
    public bool EvaluationDue => _recipe.EvaluateEvery > 0 && State.Step % _recipe.EvaluateEvery == 0 && State.Step < _total;

    /// <summary>Wall time of the run in seconds, earlier parts included.</summary>
    public double Seconds => _earlierSeconds + _request.Clock.GetElapsedTime(_started).TotalSeconds;

    /// <summary>Counts a finished optimizer step and logs it.</summary>
    /// <exception cref="WorkFailedException">An alarm sounds, and the recipe's alarms stop the run.</exception>
    public void Advance(
        long tokens, double loss, double rate, double gradientNorm, IEnumerable<KeyValuePair<string, double>>? more = null)
    {
        bool wraps = State.Cursor + 1 >= _stepsPerEpoch;
        State = State with
        {
            Step = State.Step + 1,
            Epoch = wraps ? State.Epoch + 1 : State.Epoch,
            Cursor = wraps ? 0 : State.Cursor + 1,
            Tokens = State.Tokens + tokens,
            Seconds = Seconds,
        };
        LastTraining = [new("loss", loss), .. more ?? []];
        _tokenRate.Add(tokens);
        _progress.Report(State.Step, _total, string.Create(CultureInfo.InvariantCulture, $"loss {loss:0.0000}, {_tokenRate.PerSecond:0} tokens/s"));
        if (State.Step % _recipe.LogEvery == 0 || State.Step == _total)
        {
            List<KeyValuePair<string, double>> values =
            [
                .. LastTraining, new("learning_rate", rate), new("grad_norm", gradientNorm),
                new("tokens_per_second", _tokenRate.PerSecond), new("num_tokens", State.Tokens),
            ];
            _log?.Add("train", State.Step, Epoch, values);
        }

        _alarms.Check(State.Step, LastTraining.ToDictionary(), _display.Line);
    }

    /// <summary>Logs facts about the data before the first step. A resumed run has logged them already.</summary>
    public void LogData(IReadOnlyList<KeyValuePair<string, double>> values)
    {
        if (values.Count > 0 && State.Step == 0)
        {
            _log?.Add("data", 0, 0, values);
        }
    }

    /// <summary>Logs an evaluation of the current step.</summary>
    public void LogEvaluation(IReadOnlyList<KeyValuePair<string, double>> values)
    {
        (_evaluatedStep, _lastEvaluation) = (State.Step, values);
        if (values.Count > 0)
        {
            _log?.Add("eval", State.Step, Epoch, values);
            _display.Line($"evaluation after step {State.Step}/{_total}: {string.Join(", ", values.Select(v => FormattableString.Invariant($"{v.Key} {v.Value:0.####}")))}");
        }

        _tokenRate.Restart();
    }

    /// <summary>The evaluation after the last step. Runs it unless the loop has just done so.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> FinalEvaluation(Func<IReadOnlyList<KeyValuePair<string, double>>> evaluate)
    {
        if (_evaluatedStep != State.Step)
        {
            LogEvaluation(evaluate());
        }

        return _lastEvaluation;
    }

    /// <summary>
    /// Saves when checkpoint_every is due. On a stop request, saves and throws with the command that resumes. All processes stop after
    /// the same step, whichever got the request.
    /// </summary>
    public void SaveIfDue(Action save)
    {
        bool stop = _ranks.Any(_request.Stop.IsCancellationRequested) && State.Step < _total;
        if (stop || (_recipe.CheckpointEvery > 0 && State.Step % _recipe.CheckpointEvery == 0) || State.Step == _total)
        {
            save();
            _tokenRate.Restart();
        }

        if (stop)
        {
            throw new InterruptedException($"Stopped after step {State.Step} of {_total}; saved. {HowToResume}");
        }
    }

    /// <summary>Saves the last finished step, because something that the next step needs does not answer.</summary>
    /// <param name="cause">What does not answer.</param>
    /// <param name="save">Saves a checkpoint.</param>
    /// <returns>The failure to throw; it names the command that resumes.</returns>
    public WorkFailedException Suspended(Exception cause, Action save)
    {
        if (State.Step > 0)
        {
            save();
        }

        _ranks.Any(false); // no process ends the job before the first one has saved
        string saved = State.Step > 0 ? "saved" : "there is nothing to save yet";
        return new WorkFailedException($"{cause.Message} Stopped after step {State.Step} of {_total}; {saved}. {HowToResume}", cause);
    }

    public void Dispose()
    {
        _stopAsked.Dispose();
        _progress.Dispose();
        _log?.Dispose();
    }

    private static IEnumerable<KeyValuePair<string, double>> Metrics(JsonObject logged) =>
        logged.Where(value => !Own.Contains(value.Key)).Select(value => KeyValuePair.Create(value.Key, Number(value.Value)));

    private static double Number(JsonNode? value) =>
        value is JsonValue number && number.TryGetValue(out double finite) ? finite : double.Parse((string)value!, CultureInfo.InvariantCulture);

    private string HowToResume => $"Continue with: {_ranks.Launcher}trainer {_request.Command} --resume {_run.Path}";

    /// <summary>A launcher asks for a stop when a process is lost, too. Then this step never ends, and this is the last message.</summary>
    private void SayThatAllStop() =>
        _display.Line(
            $"Asked to stop: the {_ranks.Count} processes finish their step and save. If one of them was lost, the job ends here with its last checkpoint. {HowToResume}");

    private double Epoch => Math.Round(State.Epoch + (State.Cursor / (double)_stepsPerEpoch), 4);
}
