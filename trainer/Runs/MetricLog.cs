using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Trainer.Runs;

/// <summary>Writes each step's metrics to metrics.jsonl and to a TensorBoard event file.</summary>
internal sealed class MetricLog : IDisposable
{
    private readonly StreamWriter _lines;
    private readonly TensorBoardFile _events;

    /// <summary>Opens both files. Drops lines that a resumed run repeats: later steps and the evaluation after the last step.</summary>
    /// <param name="run">The run folder.</param>
    /// <param name="step">Steps taken so far; 0 starts a new file.</param>
    /// <param name="total">Steps of the whole run.</param>
    /// <param name="clock">Clock for TensorBoard events.</param>
    /// <exception cref="BadInputException">A line is damaged. An incomplete last line is allowed.</exception>
    public MetricLog(RunFolder run, int step, int total, TimeProvider clock)
    {
        if (File.Exists(run.Metrics))
        {
            var kept = new StringBuilder();
            foreach ((string line, JsonObject values) in Read(run.Metrics))
            {
                (string? split, int at) = ((string?)values["split"], (int)values["step"]!);
                if (step > 0 && at <= step && !(at == total && split == "eval"))
                {
                    kept.Append(line).Append('\n');
                    LastTraining = split == "train" && at == step ? values : LastTraining;
                }
            }

            AtomicFile.WriteText(run.Metrics, kept.ToString());
        }

        _lines = new StreamWriter(new FileStream(run.Metrics, FileMode.Append, FileAccess.Write, FileShare.Read));
        _events = new TensorBoardFile(run.Path, clock);
        if (run.Resumed)
        {
            _events.Restart(step + 1);
        }
    }

    /// <summary>The training values that an earlier part of the run logged for its last step; null if there are none.</summary>
    public JsonObject? LastTraining { get; }

    /// <summary>The training values that an earlier part of the run logged, up to a step. Call it before the file is opened for writing.</summary>
    /// <param name="run">The run folder.</param>
    /// <param name="step">Steps taken so far.</param>
    public static IEnumerable<JsonObject> Training(RunFolder run, int step) =>
        (step > 0 && File.Exists(run.Metrics) ? Read(run.Metrics) : [])
            .Select(line => line.Values)
            .Where(values => (string?)values["split"] == "train" && (int)values["step"]! <= step);

    /// <summary>Appends one step's values.</summary>
    /// <param name="split">train or eval.</param>
    /// <param name="step">Optimizer steps taken.</param>
    /// <param name="epoch">Passes over the data, as a fraction.</param>
    /// <param name="values">Name and number; NaN and infinity are written as strings.</param>
    public void Add(string split, int step, double epoch, IReadOnlyList<KeyValuePair<string, double>> values)
    {
        var line = new JsonObject { ["split"] = split, ["step"] = step, ["epoch"] = epoch };
        foreach ((string name, double value) in values)
        {
            line[name] = double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));
        }

        _lines.Write(line.ToJsonString() + "\n");
        _lines.Flush();
        _events.Add(step, values.Select(v => KeyValuePair.Create($"{split}/{v.Key}", v.Value)));
        _events.Flush();
    }

    public void Dispose()
    {
        _lines.Dispose();
        _events.Dispose();
    }

    private static IEnumerable<(string Line, JsonObject Values)> Read(string path)
    {
        string text = File.ReadAllText(path);
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length - 1; i++) // text after the last newline is an incomplete line of a killed run
        {
            JsonObject? values = null;
            string problem = "it is not a JSON object with split and step";
            try
            {
                values = JsonNode.Parse(lines[i]) as JsonObject;
                _ = (string?)values?["split"];
                values = values?["step"] is JsonValue step && step.TryGetValue(out int _) ? values : null;
            }
            catch (Exception damage) when (damage is JsonException or InvalidOperationException)
            {
                problem = damage.Message;
            }

            yield return values is not null
                ? (lines[i], values)
                : throw new BadInputException($"{path}:{i + 1} is damaged: {problem}. Repair or delete the line, then resume again.");
        }
    }
}
