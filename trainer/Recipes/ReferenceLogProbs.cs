using System.Globalization;
using Rudder.Checkpoints;
using Rudder.Trainer.Adapters;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>Computes the frozen reference's log-probs once, before training. The reference leaves memory before the first step.</summary>
internal static class ReferenceLogProbs
{
    /// <summary>Completions per forward pass. Memory is about this × the longest completion × the vocabulary.</summary>
    private const int RowsPerPass = 32;

    /// <summary>Takes the log-probs from the cache, or scores every completion and caches them.</summary>
    /// <param name="reference">Folder of the reference.</param>
    /// <param name="cacheFolder">Folder of the cache.</param>
    /// <param name="policy">The reference shares its vocabulary, device and precision.</param>
    /// <param name="data">The pairs. The result follows the row order of their completions.</param>
    /// <param name="mismatched">Further rows to score; null for none.</param>
    /// <param name="request">Shows progress; its stop signal ends the scoring.</param>
    /// <returns>Nats, by completion row.</returns>
    public static float[] Obtain(
        string reference,
        string cacheFolder,
        ILanguageModel policy,
        PreferenceData data,
        MismatchedCompletions? mismatched,
        RunRequest request)
    {
        List<(PreferenceGroup Group, GroupCompletion Completion)> rows =
            [.. data.Groups.SelectMany(group => group.Completions.Select(completion => (group, completion))), .. mismatched?.Rows ?? []];
        string precision = policy.Products.Bf16 ? "+bf16" : string.Empty;
        var cache = new ReferenceCache(cacheFolder, Fingerprint.OfFolder(reference) + precision, SequencesOf(data, mismatched));
        float[]? known = cache.TryRead(rows.Count, out string? problem);
        known = request.Ranks.Any(known is null) ? null : known;
        if (problem is not null)
        {
            request.Progress.WriteLine(problem);
        }

        if (known is not null)
        {
            request.Progress.WriteLine($"reference log-probs of {rows.Count} completions taken from {cache.File}");
            return known;
        }

        float[] values = Score(reference, policy, rows, request);
        if (request.Ranks.IsFirst)
        {
            cache.Write(values);
        }

        return values;
    }

    /// <summary>Hashes every scored sequence, mismatched rows included: max_length may cut those even if it cuts no data.</summary>
    internal static string SequencesOf(PreferenceData data, MismatchedCompletions? mismatched) =>
        mismatched is null
            ? data.SequenceHash
            : $"{data.SequenceHash}+mismatched:{string.Join(';', mismatched.Rows.Select(row => string.Join(',', row.Completion.Ids)))}";

    private static float[] Score(
        string folder,
        ILanguageModel policy,
        IReadOnlyList<(PreferenceGroup Group, GroupCompletion Completion)> rows,
        RunRequest request)
    {
        using ILanguageModel model = AdaptedLanguageModel.Base(policy, folder) ?? ModelFolder.Load<ILanguageModel>(folder, policy.Device, 0, policy.Products.Bf16);
        model.eval();
        int longest = rows.Max(row => row.Group.PromptIds.Length + row.Completion.Ids.Length);
        if (model.Config.VocabularySize != policy.Config.VocabularySize || longest > model.Config.Context)
        {
            throw new BadInputException(
                $"reference {folder} has a vocabulary of {model.Config.VocabularySize} and a context of {model.Config.Context}; the policy has a "
                + $"vocabulary of {policy.Config.VocabularySize}, and the longest pair {longest} tokens. Give a reference of the policy's family.");
        }

        long start = request.Clock.GetTimestamp();
        (PreferenceGroup Group, GroupCompletion Completion)[] own = request.Ranks.Part(rows);
        float[] values = [];
        bool stopped = false;
        try
        {
            using var progress = new ProgressDisplay(request.Display, "reference log-probs", "completions", first: 0);
            values = CompletionLogProbs.ScoreAll(model, own, RowsPerPass, request.Stop, done => progress.Report(done, own.Length));
        }
        catch (OperationCanceledException)
        {
            stopped = true;
        }

        if (request.Ranks.Any(stopped))
        {
            throw new InterruptedException("Stopped while scoring the reference; nothing was trained yet. Start again with the same command.");
        }

        RequireFinite(folder, values, own);
        values = request.Ranks.Gather(values);
        double seconds = request.Clock.GetElapsedTime(start).TotalSeconds;
        request.Progress.WriteLine(string.Create(CultureInfo.InvariantCulture, $"reference log-probs of {rows.Count} completions computed in {seconds:0.0} s"));
        return values;
    }

    private static void RequireFinite(string folder, float[] values, IReadOnlyList<(PreferenceGroup Group, GroupCompletion Completion)> rows)
    {
        int broken = Array.FindIndex(values, value => !float.IsFinite(value));
        if (broken >= 0)
        {
            throw new WorkFailedException(
                $"Reference {folder} gives completion {rows[broken].Completion.SampleIndex} of prompt '{rows[broken].Group.PromptId}' the log-prob "
                + $"{values[broken].ToString(CultureInfo.InvariantCulture)}; its weights are damaged or the model overflows.");
        }
    }
}
