using Rudder.Engine.Scoring;

namespace Rudder.Engine.Registry;

/// <summary>Scores sequences batch by batch while it holds the models' turns, and lets other clients in between two batches.</summary>
internal static class ScoringInTurns
{
    /// <summary>Scores every sequence, off the caller's thread.</summary>
    /// <typeparam name="T">What is told of one sequence.</typeparam>
    /// <param name="models">The models whose turns it needs.</param>
    /// <param name="batches">How the sequences are grouped: indices, each once.</param>
    /// <param name="client">Whose call it is.</param>
    /// <param name="sequences">The sequences.</param>
    /// <param name="score">Scores some of them, in order.</param>
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
        ScoringTurn[] turns = InOneOrder(models);
        var held = new Stack<ScoringTurn>(turns.Length);
        var results = new T[sequences.Count];
        try
        {
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
        }

        return results;
    }

    // Two calls that need the same two turns take them in the same order, and so cannot wait for each other.
    private static ScoringTurn[] InOneOrder(IEnumerable<LoadedModel> models) =>
    [
        .. models.Distinct()
            .OrderBy(model => model.Description.Name, StringComparer.Ordinal)
            .ThenBy(model => model.Description.Fingerprint, StringComparer.Ordinal)
            .Select(model => model.ScoringTurn),
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
