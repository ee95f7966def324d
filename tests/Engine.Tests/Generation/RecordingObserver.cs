using System.Collections.Concurrent;
using Rudder.Engine.Telemetry;

namespace Rudder.Engine.Tests.Generation;

/// <summary>Writes down what an engine tells of itself.</summary>
internal sealed class RecordingObserver : IEngineObserver
{
    private readonly long[] _allocated = new long[4096];
    private int _steps;
    private int _firstTokens;
    private int _nextTokens;

    /// <summary>Tokens of each prefill, in order.</summary>
    public ConcurrentQueue<int> PrefilledTokens { get; } = [];

    /// <summary>Why sequences ended, in order.</summary>
    public ConcurrentQueue<string> Ends { get; } = [];

    /// <summary>Bytes that the engine's thread had allocated in all at the end of each step.</summary>
    public IEnumerable<long> AllocatedByStep => _allocated.Take(Volatile.Read(ref _steps));

    /// <summary>First tokens told of.</summary>
    public int FirstTokens => Volatile.Read(ref _firstTokens);

    /// <summary>Gaps between two tokens told of.</summary>
    public int NextTokens => Volatile.Read(ref _nextTokens);

    public void Clear()
    {
        PrefilledTokens.Clear();
        Volatile.Write(ref _steps, 0);
    }

    public void Admitted(TimeSpan waited, int promptTokens)
    {
    }

    public void Prefilled(int prompts, int tokens, TimeSpan took) => PrefilledTokens.Enqueue(tokens);

    public void Stepped(int width, TimeSpan decode, TimeSpan sampling)
    {
        _allocated[_steps] = GC.GetAllocatedBytesForCurrentThread();
        Interlocked.Increment(ref _steps);
    }

    public void FirstToken(TimeSpan sinceEnqueued) => Interlocked.Increment(ref _firstTokens);

    public void NextToken(TimeSpan sinceLast) => Interlocked.Increment(ref _nextTokens);

    public void Finished(int completionTokens, string reason) => Ends.Enqueue(reason);
}
