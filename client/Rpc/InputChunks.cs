namespace Rudder.Client.Rpc;

/// <summary>Asks about many inputs in as many calls as it takes, none with more of them than the service allows.</summary>
internal static class InputChunks
{
    /// <summary>Inputs of one call that the service takes at most: the default of its <c>Service:MaxInputs</c>.</summary>
    public const int MaxInputs = 1024;

    /// <summary>Results of all inputs, in their order.</summary>
    /// <param name="call">e.g. Scoring.Classify, for the error.</param>
    /// <param name="inputs">Any number.</param>
    /// <param name="ask">One call; its answer must hold a result for each input.</param>
    public static async Task<IReadOnlyList<TResult>> AskAsync<TInput, TResult>(
        string call,
        IEnumerable<TInput> inputs,
        Func<TInput[], Task<IReadOnlyList<TResult>>> ask
    )
    {
        List<TResult> results = [];
        foreach (TInput[] chunk in inputs.Chunk(MaxInputs))
        {
            IReadOnlyList<TResult> answers = await ask(chunk).ConfigureAwait(false);
            if (answers.Count != chunk.Length)
            {
                throw new WorkFailedException($"The service returned {answers.Count} results of {call}; {chunk.Length} were asked for.");
            }

            results.AddRange(answers);
        }

        return results;
    }
}
