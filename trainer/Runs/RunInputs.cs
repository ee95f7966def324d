using System.Text.Json;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Runs;

/// <summary>Notes what a run began with, so that it never goes on with anything else: the numbers to come follow from the contents.</summary>
internal static class RunInputs
{
    /// <summary>Name of the file that keeps the hash of each input.</summary>
    public const string FileName = "inputs.json";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes the file; of a run that has it already, requires the same contents.</summary>
    /// <param name="run">The run folder.</param>
    /// <param name="inputs">What the run reads.</param>
    /// <exception cref="BadInputException">An input has changed since the run began.</exception>
    public static void Keep(RunFolder run, IEnumerable<RunInput> inputs)
    {
        var now = inputs.ToDictionary(input => input.Name, input => input.Hash);
        string path = run.File(FileName);
        if (run.Resumed && run.HasTrained && File.Exists(path))
        {
            var before = JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(path)) ?? [];
            string[] changed = [.. before.Where(input => now.GetValueOrDefault(input.Key) != input.Value).Select(input => input.Key)];
            if (changed.Length > 0)
            {
                throw new BadInputException(
                    $"{string.Join(", ", changed)} changed since {run.Path} was started (or is missing), so the run could not continue exactly. Put the old content back, or start a new run.");
            }
        }

        AtomicFile.WriteText(path, JsonSerializer.Serialize(now, Indented));
    }
}
