namespace Rudder.Client.Rpc;

/// <summary>Splits many inputs over several calls, each within the service's limits of inputs and bytes.</summary>
internal static class InputChunks
{
    /// <summary>Inputs of one call that the service takes at most: the default of its <c>Service:MaxInputs</c>.</summary>
    public const int MaxInputs = 1024;

    /// <summary>Bytes of one call's inputs: the default of <c>Service:MaxRequestBytes</c> less room for the other fields.</summary>
    public const int MaxBytes = (4 << 20) - (4 << 10);

    // Tag and length of a repeated field's entry.
    private const int EntryBytes = 6;

    /// <summary>Results of all inputs, in their order.</summary>
    /// <param name="call">e.g. Scoring.Classify, for the error.</param>
    /// <param name="inputs">Any number.</param>
    /// <param name="size">Bytes of one.</param>
    /// <param name="ask">One call; its answer must hold a result for each input.</param>
    public static async Task<IReadOnlyList<TResult>> AskAsync<TInput, TResult>(
        string call,
        IEnumerable<TInput> inputs,
        Func<TInput, int> size,
        Func<TInput[], Task<IReadOnlyList<TResult>>> ask)
    {
        List<TResult> results = [];
        foreach (TInput[] chunk in Split(inputs, size))
        {
            IReadOnlyList<TResult> answers = await ask(chunk);
            if (answers.Count != chunk.Length)
            {
                throw new WorkFailedException($"The service returned {answers.Count} results of {call}; {chunk.Length} were asked for.");
            }

            results.AddRange(answers);
        }

        return results;
    }

    /// <summary>Inputs in order, in parts that fit one call each. An input that is too large stands alone, so that the service names it in its refusal.</summary>
    public static IEnumerable<TInput[]> Split<TInput>(IEnumerable<TInput> inputs, Func<TInput, int> size)
    {
        List<TInput> part = [];
        long bytes = 0;
        foreach (TInput input in inputs)
        {
            int more = size(input) + EntryBytes;
            if (part.Count > 0 && (part.Count == MaxInputs || bytes + more > MaxBytes))
            {
                yield return [.. part];
                part.Clear();
                bytes = 0;
            }

            part.Add(input);
            bytes += more;
        }

        if (part.Count > 0)
        {
            yield return [.. part];
        }
    }
}
