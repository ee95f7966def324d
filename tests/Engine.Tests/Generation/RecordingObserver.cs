using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Rudder.Engine.Telemetry;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Generation;

/// <summary>Writes down what an engine reports to its recorder.</summary>
internal sealed class RecordingObserver
{
    private readonly long[] _allocated = new long[4096];
    private readonly MeterListener _listener = new();
    private int _steps;
    private int _firstTokens;
    private int _nextTokens;

    public RecordingObserver()
    {
        var meters = new Meters();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>(See);
        _listener.SetMeasurementEventCallback<double>(See);
        _listener.Start();
        Recorder = new EngineMetrics(meters).Open("m");
    }

    /// <summary>What the engine reports to.</summary>
    public EngineRecorder Recorder { get; }

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

    private void See(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        if (instrument.Name == "rudder.prefill.tokens")
        {
            PrefilledTokens.Enqueue((int)value);
        }
        else if (instrument.Name == "rudder.sequences")
        {
            Ends.Enqueue((string)tags[1].Value!);
        }
    }

    private void See(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        switch (instrument.Name)
        {
            case "rudder.sampling.duration":                 // of each step
                _allocated[_steps] = GC.GetAllocatedBytesForCurrentThread();
                Interlocked.Increment(ref _steps);
                break;
            case "gen_ai.server.time_to_first_token":
                Interlocked.Increment(ref _firstTokens);
                break;
            case "gen_ai.server.time_per_output_token":
                Interlocked.Increment(ref _nextTokens);
                break;
        }
    }
}
