using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Trainer.Runs;

/// <summary>Files of a run with one JSON object per line, each with its <c>step</c>.</summary>
internal static class StepLines
{
    /// <summary>Drops the lines of steps that a resumed run repeats, and an incomplete last one. A missing file stays missing.</summary>
    /// <param name="path">The file.</param>
    /// <param name="step">Steps taken so far.</param>
    public static void Trim(string path, int step)
    {
        if (File.Exists(path))
        {
            AtomicFile.WriteText(path, string.Concat(File.ReadLines(path).Where(line => StepOf(line) <= step).Select(line => line + "\n")));
        }
    }

    private static int StepOf(string line)
    {
        try
        {
            return (int?)JsonNode.Parse(line)?["step"] ?? int.MaxValue;
        }
        catch (JsonException)
        {
            return int.MaxValue; // the incomplete last line of a killed run
        }
    }
}
