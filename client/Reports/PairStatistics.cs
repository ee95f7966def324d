using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Runs;
using Rudder.Datasets;
using Rudder.Preference.V1;

namespace Rudder.Client.Reports;

/// <summary>What a file of preference pairs holds.</summary>
/// <param name="Stage">Stage that made it.</param>
/// <param name="Prompts">Different prompts.</param>
/// <param name="Completions">Different completions.</param>
/// <param name="Gaps">Score of the chosen completion minus that of the rejected one, for each pair.</param>
/// <param name="PromptTokens">Length of the prompt of each pair, tokens.</param>
/// <param name="ChosenTokens">Length of the chosen completion of each pair, tokens.</param>
/// <param name="RejectedTokens">Length of the rejected completion of each pair, tokens.</param>
/// <param name="Ties">Pairs that were left out; null where the pairs were given instead of drawn.</param>
internal sealed record PairStatistics(
    string Stage,
    int Prompts,
    int Completions,
    IReadOnlyList<double> Gaps,
    IReadOnlyList<double> PromptTokens,
    IReadOnlyList<double> ChosenTokens,
    IReadOnlyList<double> RejectedTokens,
    DroppedPairs? Ties)
{
    /// <summary>Statistics of the pairs of a run; none where it has no pairs.</summary>
    /// <param name="root">Folder of the run.</param>
    /// <exception cref="DatasetException">A line is not a pair.</exception>
    public static IReadOnlyList<PairStatistics> ReadAll(string root) =>
    [
        .. ((string[])[PairFiles.Training, PairFiles.HeldOut])
            .Where(stage => File.Exists(PairFiles.PathIn(root, stage)))
            .Select(stage => Read(root, stage))
            .Where(statistics => statistics.Gaps.Count > 0),
    ];

    private static PairStatistics Read(string root, string stage)
    {
        HashSet<string> prompts = [];
        HashSet<(string, int)> completions = [];
        List<double> gaps = [], prompt = [], chosen = [], rejected = [];
        foreach (PreferencePair pair in PreferencePairs.Read(PairFiles.PathIn(root, stage)))
        {
            prompts.Add(pair.PromptId);
            completions.Add((pair.PromptId, pair.ChosenSample.SampleIndex));
            completions.Add((pair.PromptId, pair.RejectedSample.SampleIndex));
            gaps.Add(pair.ChosenSample.Score - pair.RejectedSample.Score);
            prompt.Add(pair.PromptIds.Count);
            chosen.Add(pair.ChosenSample.Ids.Count);
            rejected.Add(pair.RejectedSample.Ids.Count);
        }

        return new PairStatistics(
            stage, prompts.Count, completions.Count, gaps, prompt, chosen, rejected, DroppedPairs.Read(Path.Combine(root, stage)));
    }
}

/// <summary>Pairs that were left out because both completions have the same score or the same tokens.</summary>
/// <param name="Count">How many.</param>
/// <param name="Possible">n(n−1)/2 for each prompt with n completions.</param>
internal sealed record DroppedPairs(long Count, long Possible)
{
    /// <summary>Counts them from the file before any limit and from the settings with which it was drawn.</summary>
    /// <param name="folder">Folder of the stage.</param>
    /// <returns>Null where the settings are missing, as for pairs of given texts.</returns>
    public static DroppedPairs? Read(string folder)
    {
        string uncut = Path.Combine(folder, PairFiles.UncutName);
        string drawn = File.Exists(uncut) ? uncut : Path.Combine(folder, PairFiles.FileName);
        string settings = GroupFile.SettingsPath(drawn);
        if (!File.Exists(settings))
        {
            return null;
        }

        JsonNode read = StrictJson.Read<JsonNode>(settings);
        if (ReportTraining.Number(read, "prompts", "count") is not { } prompts
            || ReportTraining.Number(read, "sampling", "samples") is not { } samples)
        {
            return null;
        }

        long possible = (long)prompts * samples * (samples - 1) / 2;
        return possible == 0 ? null : new DroppedPairs(possible - File.ReadLines(drawn).Count(), possible);
    }
}
