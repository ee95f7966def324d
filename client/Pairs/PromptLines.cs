using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Rpc;
using Rudder.Inference.V1;

namespace Rudder.Client.Pairs;

/// <summary>Sends prompts in batches, a few at once, and writes the lines of each prompt to a file that survives a kill.</summary>
internal static class PromptLines
{
    /// <summary>Refuses batches out of range.</summary>
    /// <param name="batch">Prompts per request. Range 1 to 1024.</param>
    /// <param name="inFlight">Requests at once. Range 1 to 64.</param>
    public static void RequireLimits(int batch, int inFlight)
    {
        BadInputException.Unless(batch is >= 1 and <= 1024, $"batch is {batch}; it must lie between 1 and 1024 prompts.");
        BadInputException.Unless(inFlight is >= 1 and <= 64, $"in_flight is {inFlight}; it must lie between 1 and 64 requests.");
    }

    /// <summary>Everything that the lines depend on, for the settings file.</summary>
    /// <param name="kind">Name of the work.</param>
    /// <param name="label">Label whose probability is the score.</param>
    /// <param name="plan">How completions are drawn.</param>
    /// <param name="prompts">The prompts; their ids, token ids and order count.</param>
    /// <param name="models">Each model with its role.</param>
    public static JsonObject Settings(
        string kind,
        string label,
        SamplingPlan plan,
        IReadOnlyList<CutPrompt> prompts,
        params (string Role, ModelInfo Model)[] models)
    {
        JsonObject settings = new() { ["kind"] = kind };
        foreach ((string role, ModelInfo model) in models)
        {
            settings[$"{role}_fingerprint"] = model.Fingerprint;
            settings[$"{role}_precision"] = model.Precision.ToString();
        }

        settings["positive_label"] = label;
        settings["sampling"] = plan.ToJson();
        settings["prompts"] = new JsonObject
        {
            ["count"] = prompts.Count,
            ["sha256"] = ContentHash.OfText(string.Join('\n', prompts.Select(p => $"{p.Id} {string.Join(' ', p.Ids)}"))),
        };
        return settings;
    }

    /// <summary>Writes the file, or what is missing of it.</summary>
    /// <param name="path">File of JSON lines.</param>
    /// <param name="settings">Everything the lines depend on.</param>
    /// <param name="prompts">The prompts, in order.</param>
    /// <param name="load">Prompts per request, and requests at once.</param>
    /// <param name="lines">Asks the service about a batch; gives the lines of each of its prompts.</param>
    /// <param name="progress">Receives prompts done and wanted.</param>
    /// <param name="cancel">Stops between batches.</param>
    public static async Task WriteAsync(
        string path,
        JsonObject settings,
        IReadOnlyList<CutPrompt> prompts,
        (int Batch, int InFlight) load,
        Func<CutPrompt[], CancellationToken, Task<IEnumerable<IEnumerable<string>>>> lines,
        IProgress<(int Done, int Total)> progress,
        CancellationToken cancel)
    {
        using var file = GroupFile.Open(path, settings, prompts.Count);
        IEnumerable<CutPrompt[]> left = prompts.Skip(file.NextGroup).Chunk(load.Batch);
        await foreach (IEnumerable<IEnumerable<string>> groups in OrderedWork.RunAsync(left, load.InFlight, lines, cancel))
        {
            foreach (IEnumerable<string> group in groups)
            {
                file.Append(group);
            }

            progress.Report((file.NextGroup, prompts.Count));
        }

        file.Complete();
    }
}
