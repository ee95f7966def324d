namespace Rudder.Trainer.Runs.Alarms;

/// <summary>Watches the metrics of training steps for one sign that a run goes wrong.</summary>
internal interface IAlarm
{
    /// <summary>Its name in alarms.jsonl.</summary>
    string Name { get; }

    /// <summary>Reads the metrics of the next step.</summary>
    /// <param name="values">By name. An alarm ignores steps without the metrics it reads.</param>
    /// <returns>What is wrong; null while nothing is.</returns>
    Finding? Check(IReadOnlyDictionary<string, double> values);
}

/// <summary>Something that an alarm found.</summary>
/// <param name="Value">The value that gave it away.</param>
/// <param name="Message">The value in words, its likely cause, and what to do.</param>
internal sealed record Finding(double Value, string Message);
