using Rudder.Client.Bench;

namespace Rudder.Client.Tests.Bench;

/// <summary>A plan whose parts a test changes, and a server that does what the test says.</summary>
internal static class BenchExample
{
    public static BenchPlan Plan { get; } =
        new([new Load(1, null)], null, null, new LengthRange(2, 4), null, new LengthRange(3, 9), 1, 2, 5, null, null, null, 0);

    public static Workload Workload(int seed = 0) => new(null, new LengthRange(2, 4), 100, new LengthRange(3, 9), new Random(seed));
}

/// <summary>A server under test whose answers are scripted; vocabulary 100.</summary>
/// <param name="send">Answers a request; gets how many came before.</param>
internal sealed class ScriptedTarget(Func<int, RequestTimer, CancellationToken, Task> send) : IBenchTarget
{
    private readonly Lock _lock = new();

    /// <summary>All requests in the order of their arrival.</summary>
    public List<BenchRequest> Requests { get; } = [];

    public Task<int> PrepareAsync(CancellationToken cancel) => Task.FromResult(100);

    public Task SendAsync(BenchRequest request, RequestTimer timer, CancellationToken cancel)
    {
        int before;
        lock (_lock)
        {
            before = Requests.Count;
            Requests.Add(request);
        }

        return send(before, timer, cancel);
    }

    public void Dispose()
    {
    }
}
