using System.Security.Cryptography;
using System.Text.Json;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Runs;

/// <summary>Notes the data files a run began with, so that it never goes on over others: the batches to come follow from their contents.</summary>
internal static class RunInputs
{
    /// <summary>Name of the file that keeps path and SHA-256 of each.</summary>
    public const string FileName = "inputs.json";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes the file; of a run that has it already, requires the same contents.</summary>
    /// <param name="run">The run folder.</param>
    /// <param name="files">The data files. A missing one is left to those who read it.</param>
    /// <exception cref="BadInputException">A file has changed since the run began.</exception>
    public static void Keep(RunFolder run, IEnumerable<string> files)
    {
        var now = files.Distinct().Where(File.Exists).ToDictionary(file => file, Sha256);
        string path = run.File(FileName);
        if (run.Resumed && run.HasTrained && File.Exists(path))
        {
            var before = JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(path)) ?? [];
            string[] changed = [.. before.Where(file => now.GetValueOrDefault(file.Key) != file.Value).Select(file => file.Key)];
            if (changed.Length > 0)
            {
                throw new BadInputException(
                    $"{string.Join(", ", changed)} changed since {run.Path} was started (or is missing), so the run could not continue exactly. Put the old file back, or start a new run.");
            }
        }

        AtomicFile.WriteText(path, JsonSerializer.Serialize(now, Indented));
    }

    private static string Sha256(string file)
    {
        using FileStream stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
