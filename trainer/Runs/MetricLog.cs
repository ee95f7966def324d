using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Runs;

/// <summary>Writes each step's metrics to metrics.jsonl and to a TensorBoard event file.</summary>
internal sealed class MetricLog : IDisposable
{
    private readonly StreamWriter lines;
    private readonly TensorBoardFile events;

    /// <summary>Opens both files; lines after <paramref name="step"/>, left by a run that is now resumed, are dropped.</summary>
    public MetricLog(RunFolder run, int step, TimeProvider clock)
    {
        if (File.Exists(run.Metrics))
        {
            string[] kept = [.. File.ReadLines(run.Metrics).Where(l => StepOf(l) <= step)];
            AtomicFile.WriteText(run.Metrics, string.Concat(kept.Select(l => l + "\n")));
        }

        lines = new StreamWriter(new FileStream(run.Metrics, FileMode.Append, FileAccess.Write, FileShare.Read));
        events = new TensorBoardFile(run.Path, clock);
        if (run.Resumed)
        {
            events.Restart(step + 1);
        }
    }

    /// <summary>Appends one step's values.</summary>
    /// <param name="split">train or eval.</param>
    /// <param name="step">Optimizer steps taken.</param>
    /// <param name="epoch">Passes over the data, with the started one as a fraction.</param>
    /// <param name="values">Name and number; what is not finite is written as a string.</param>
    public void Add(string split, int step, double epoch, IReadOnlyList<KeyValuePair<string, double>> values)
    {
        var line = new JsonObject { ["split"] = split, ["step"] = step, ["epoch"] = epoch };
        foreach ((string name, double value) in values)
        {
            line[name] = double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        lines.Write(line.ToJsonString() + "\n");
        lines.Flush();
        events.Add(step, values.Select(v => KeyValuePair.Create($"{split}/{v.Key}", v.Value)));
        events.Flush();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lines.Dispose();
        events.Dispose();
    }

    private static int StepOf(string line)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(line);
            return json.RootElement.GetProperty("step").GetInt32();
        }
        catch (JsonException)
        {
            return int.MaxValue; // a line cut off by a kill
        }
    }
}
