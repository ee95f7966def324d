namespace Rudder.Client.Bench;

/// <summary>One request of a benchmark: a prompt as text or as ids.</summary>
/// <param name="Text">The prompt's text; null where <paramref name="Ids"/> is given.</param>
/// <param name="Ids">The prompt's token ids; null where <paramref name="Text"/> is given.</param>
/// <param name="MaxNewTokens">Tokens of each completion at most.</param>
/// <param name="Seed">Seed of the completions, below 2^31, which every server accepts.</param>
internal sealed record BenchRequest(string? Text, int[]? Ids, int MaxNewTokens, int Seed);

/// <summary>Makes the requests of a benchmark, one after another. The same generator gives the same requests. Not thread-safe.</summary>
/// <param name="prompts">Texts, used in order and then from the start again; null draws random ids.</param>
/// <param name="promptTokens">Length of random prompts.</param>
/// <param name="vocabulary">Random ids lie below this number.</param>
/// <param name="maxNewTokens">Limit of each completion's length.</param>
/// <param name="random">Seeded generator.</param>
internal sealed class Workload(
    IReadOnlyList<string>? prompts, LengthRange promptTokens, int vocabulary, LengthRange maxNewTokens, Random random)
{
    private int _made;

    /// <summary>Makes the next request.</summary>
    public BenchRequest Next()
    {
        string? text = prompts?[_made++ % prompts.Count];
        int[]? ids = text is null ? [.. Enumerable.Range(0, promptTokens.Draw(random)).Select(_ => random.Next(vocabulary))] : null;
        return new BenchRequest(text, ids, maxNewTokens.Draw(random), random.Next());
    }
}
