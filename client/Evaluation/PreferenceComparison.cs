using Rudder.Client.Files;
using Rudder.Client.Rpc;
using Rudder.Datasets;
using Rudder.Inference.V1;
using Rudder.Preference.V1;

namespace Rudder.Client.Evaluation;

/// <summary>What a comparison found about one model on held-out pairs. Ties count as wrong.</summary>
/// <param name="Model">Name of the policy or of the reward model.</param>
/// <param name="Pairs">Pairs that were held out.</param>
/// <param name="ImplicitAccuracy">Share with a larger log-ratio to the reference for the chosen completion; null for a reward model.</param>
/// <param name="LogpAccuracy">Share with a larger log-prob of the chosen completion; null for a reward model.</param>
/// <param name="RewardModelAccuracy">Share with a higher score of the chosen completion; null for a policy.</param>
/// <param name="RewardModelScore">Mean score of the policy's own completions in its evaluation; null for a reward model.</param>
internal sealed record ComparisonResult(
    string Model,
    int Pairs,
    double? ImplicitAccuracy,
    double? LogpAccuracy,
    double? RewardModelAccuracy,
    double? RewardModelScore);

/// <summary>Compares models by the three preference accuracies and by the score of a reward model.</summary>
/// <param name="client">Service that holds the models.</param>
/// <param name="pairs">Pairs that no model learnt from.</param>
internal sealed class PreferenceComparison(InferenceClient client, IReadOnlyList<PreferencePair> pairs)
{
    /// <summary>A policy: accuracies on the pairs, and what the reward model gives its completions.</summary>
    /// <param name="name">Name for the result.</param>
    /// <param name="policy">Name of the policy at the service.</param>
    /// <param name="reference">Name of the reference at the service.</param>
    /// <param name="rewardModel">Name of the reward model at the service.</param>
    /// <param name="rows">The policy's evaluation.</param>
    /// <param name="cancel">Stops between calls.</param>
    public async Task<ComparisonResult> OfPolicyAsync(
        string name,
        string policy,
        string reference,
        string rewardModel,
        IEnumerable<EvaluationRow> rows,
        CancellationToken cancel)
    {
        IReadOnlyList<SequenceDivergence> measured = await InputChunks.AskAsync<Sequence, SequenceDivergence>(
            "Scoring.Divergence",
            pairs.SelectMany(pair => (Sequence[])[SequenceOf(pair, pair.ChosenSample), SequenceOf(pair, pair.RejectedSample)]),
            sequence => sequence.CalculateSize(),
            async chunk =>
            {
                DivergenceRequest request = new() { Model = policy, Reference = reference, Sequences = { chunk } };
                return (await client.DivergenceAsync(request, cancel)).Results;
            });
        SequenceDivergence[][] byPair = [.. measured.Chunk(2)];
        double Ratio(SequenceDivergence sequence) => sequence.ModelLogProb - sequence.ReferenceLogProb;
        IReadOnlyList<double> scores = await ScoresAsync(
            rewardModel, rows.SelectMany(row => row.Completions.Select(completion => row.Prompt + completion.Text)), cancel);
        return new ComparisonResult(
            name,
            pairs.Count,
            Share(byPair, pair => Ratio(pair[0]) > Ratio(pair[1])),
            Share(byPair, pair => pair[0].ModelLogProb > pair[1].ModelLogProb),
            null,
            scores.Average());
    }

    /// <summary>A reward model: its accuracy on the pairs.</summary>
    /// <param name="name">Name for the result.</param>
    /// <param name="rewardModel">Name of the reward model at the service.</param>
    /// <param name="cancel">Stops between calls.</param>
    public async Task<ComparisonResult> OfRewardModelAsync(string name, string rewardModel, CancellationToken cancel)
    {
        IEnumerable<string> texts = pairs.SelectMany(pair => (string[])[pair.Prompt + pair.Chosen, pair.Prompt + pair.Rejected]);
        double[][] byPair = [.. (await ScoresAsync(rewardModel, texts, cancel)).Chunk(2)];
        return new ComparisonResult(name, pairs.Count, null, null, Share(byPair, pair => pair[0] > pair[1]), null);
    }

    /// <summary>The pairs of a file, which have token ids.</summary>
    /// <exception cref="BadInputException">A pair has texts only.</exception>
    public static IReadOnlyList<PreferencePair> Pairs(string path)
    {
        (string Place, PreferencePair Pair)[] rows = [.. PreferencePairs.ReadPlaced(path)];
        int texts = Array.FindIndex(rows, row => !PreferencePairs.HasIds(row.Pair));
        return texts < 0
            ? [.. rows.Select(row => row.Pair)]
            : throw new BadInputException($"{rows[texts].Place}: has no token ids. A comparison takes pairs as 'client pairs' writes them.");
    }

    /// <summary>The completions of an evaluation.</summary>
    public static IEnumerable<EvaluationRow> Rows(string evaluation)
    {
        string path = EvaluationJob.RowsPath(evaluation);
        return File.ReadLines(path).Select((line, index) => StrictJson.Parse<EvaluationRow>(line, $"{path}, line {index + 1}"));
    }

    private async Task<IReadOnlyList<double>> ScoresAsync(string rewardModel, IEnumerable<string> texts, CancellationToken cancel) =>
        await InputChunks.AskAsync<ClassifyInput, double>(
            "Scoring.Classify",
            texts.Select(text => new ClassifyInput { Text = text }),
            input => input.CalculateSize(),
            async chunk =>
            {
                ClassifyRequest request = new() { Model = rewardModel, Inputs = { chunk } };
                ClassifyResponse judged = await client.ClassifyAsync(request, cancel);
                BadInputException.Unless(
                    judged.Labels.Count == 1, $"Model '{rewardModel}' has {judged.Labels.Count} labels; a reward model has one.");
                return [.. judged.Results.Select(result => (double)result.Probabilities[0])];
            });

    private static Sequence SequenceOf(PreferencePair pair, Scored completion) =>
        new() { PromptIds = { pair.PromptIds }, CompletionIds = { completion.Ids } };

    private static double Share<T>(IEnumerable<T> all, Func<T, bool> holds) => all.Average(one => holds(one) ? 1.0 : 0.0);
}
