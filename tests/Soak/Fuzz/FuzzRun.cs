namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Runs numbered cases on a few workers, each with its own seed. A failure names its case, which can run alone.</summary>
internal static class FuzzRun
{
    private const int Workers = 4;
    private const int Stride = 1_000_003;

    /// <summary>Longest time one case may take; more is a hang.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Runs cases 0 to <paramref name="cases"/> - 1.</summary>
    /// <param name="seed">Seed of the whole run.</param>
    /// <param name="cases">How many.</param>
    /// <param name="test">One case; throws where the service misbehaves.</param>
    public static Task RunAsync(int seed, int cases, Func<Random, Task> test) => Parallel.ForEachAsync(
        Enumerable.Range(0, cases),
        new ParallelOptions { MaxDegreeOfParallelism = Workers },
        async (index, _) => await RunOneAsync(seed, index, test));

    /// <summary>Runs one case.</summary>
    public static async Task RunOneAsync(int seed, int index, Func<Random, Task> test)
    {
        try
        {
            await test(Generator(seed, index)).WaitAsync(Limit);
        }
        catch (Exception fault)
        {
            throw new InvalidOperationException($"Case {index} of seed {seed}: {fault.Message}", fault);
        }
    }

    private static Random Generator(int seed, int index) => new(unchecked((seed * Stride) + index));
}
