using Rudder.Engine.Scoring;

namespace Rudder.Engine.Registry;

/// <summary>Scores sequences in batches while it holds the models' turns. Between two batches it gives way to other clients.</summary>
internal static class ScoringInTurns
{
    /// <summary>Scores every sequence on a pool thread.</summary>
    /// <typeparam name="T">Result of one sequence.</typeparam>
    /// <param name="models">The models to take turns of.</param>
    /// <param name="batches">Indices of the sequences of each batch; each sequence occurs once.</param>
    /// <param name="client">The client of the call.</param>
    /// <param name="sequences">The sequences.</param>
    /// <param name="score">Scores one batch, in order.</param>
    /// <param name="cancellation">Ends the waiting at once, and the work before its next batch.</param>
    /// <returns>One result per sequence, in order.</returns>
    public static async Task<T[]> RunAsync<T>(
        IReadOnlyList<LoadedModel> models,
        IEnumerable<int[]> batches,
        string client,
        IReadOnlyList<ScoredSequence> sequences,
        Func<IReadOnlyList<ScoredSequence>, IReadOnlyList<T>> score,
        CancellationToken cancellation)
    {
        LoadedModel[] ordered = InOneOrder(models);
        ScoringTurn[] turns = [.. ordered.Select(model => model.ScoringTurn)];
        var gates = new Stack<IDisposable>(ordered.Length);
        var held = new Stack<ScoringTurn>(turns.Length);
        var results = new T[sequences.Count];
        try
        {
            foreach (var model in ordered)
            {
                gates.Push(await model.ScoringGate.EnterAsync(alone: false, cancellation));    // one version of the weights for all batches
                model.RequireWholeWeights();
            }

            foreach (int[] batch in batches)
            {
                bool goesOn = held.Count > 0;
                if (goesOn && turns.Any(turn => turn.IsWantedBesides(client)))
                {
                    Leave(held);
                }

                if (held.Count == 0)
                {
                    await EnterAsync(turns, held, client, goesOn, cancellation);
                }

                ScoredSequence[] part = [.. batch.Select(index => sequences[index])];
                var scores = await Task.Run(() => score(part), cancellation);
                for (int i = 0; i < batch.Length; i++)
                {
                    results[batch[i]] = scores[i];
                }
            }
        }
        finally
        {
            Leave(held);
            while (gates.TryPop(out var gate))
            {
                gate.Dispose();
            }
        }

        return results;
    }

    // Calls that need the same turns take them in the same order; otherwise two calls could wait for each other.
    private static LoadedModel[] InOneOrder(IEnumerable<LoadedModel> models) =>
    [
        .. models.Distinct()
            .OrderBy(model => model.Description.Name, StringComparer.Ordinal)
            .ThenBy(model => model.Description.Fingerprint, StringComparer.Ordinal),
    ];

    private static async Task EnterAsync(
        ScoringTurn[] turns, Stack<ScoringTurn> held, string client, bool goesOn, CancellationToken cancellation)
    {
        foreach (var turn in turns)
        {
            await turn.EnterAsync(client, goesOn, cancellation);
            held.Push(turn);
        }
    }

    private static void Leave(Stack<ScoringTurn> held)
    {
        while (held.TryPop(out var turn))
        {
            turn.Leave();
        }
    }
}
