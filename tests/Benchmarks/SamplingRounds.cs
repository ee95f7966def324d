using System.Diagnostics;
using System.Diagnostics.Metrics;
using Rudder.Engine.Telemetry;

namespace Rudder.Benchmarks;

/// <summary>The speeds of several runners over the rounds of one width, and the parts of the engines' steps.</summary>
internal sealed class SamplingRounds
{
    private readonly Dictionary<string, List<double>> _speeds = [];
    private readonly Dictionary<string, StepTimes> _observers = [];
    private readonly Dictionary<string, List<(TimeSpan Decode, TimeSpan Sampling, int Steps)>> _steps = [];

    /// <summary>Returns the recorder to which an engine reports its steps.</summary>
    /// <param name="engine">First part of the names of its runners.</param>
    public EngineRecorder Recorder(string engine) => (_observers[engine] = new StepTimes()).Recorder;

    /// <summary>Runs an engine once and records its speed and the parts of its steps.</summary>
    /// <param name="name">The runner, <c>engine, draw</c>.</param>
    /// <param name="tokens">Runs it and returns the number of tokens drawn.</param>
    public void Time(string name, Func<int> tokens)
    {
        var observer = _observers[name.Split(',')[0]];
        observer.Reset();
        long start = Stopwatch.GetTimestamp();
        int drawn = tokens();
        Add(name, drawn / Stopwatch.GetElapsedTime(start).TotalSeconds);
        (_steps.TryGetValue(name, out var steps) ? steps : _steps[name] = []).Add((observer.Decode, observer.Sampling, observer.Steps));
    }

    /// <summary>Discards all rounds.</summary>
    public void Clear()
    {
        _speeds.Clear();
        _steps.Clear();
    }

    /// <summary>Records a speed in tokens per second.</summary>
    public void Add(string name, double speed) => (_speeds.TryGetValue(name, out var speeds) ? speeds : _speeds[name] = []).Add(speed);

    /// <summary>Returns the median of the ratios within each round.</summary>
    public double Ratio(string name, string to) => Median.Of(_speeds[name].Zip(_speeds[to], (ours, theirs) => ours / theirs));

    /// <summary>Returns the same ratio against the faster of two runners in each round.</summary>
    public double AgainstBest(string name, string first, string second) =>
        Median.Of(_speeds[name].Zip(_speeds[first].Zip(_speeds[second], Math.Max), (ours, theirs) => ours / theirs));

    /// <summary>Returns the ratio of decoding speed to the bound, without prefill: tokens of a step over its time.</summary>
    public double DecodeShare(string name, string ceiling, int width) => Median.Of(_steps[name].Zip(
        _speeds[ceiling], (steps, bound) => width * steps.Steps / (steps.Decode + steps.Sampling).TotalSeconds / bound));

    /// <summary>Returns the sampler's share of a decoding step.</summary>
    public double SamplerShare(string name) => Median.Of(_steps[name].Select(steps => steps.Sampling / (steps.Decode + steps.Sampling)));

    /// <summary>Returns the rows of the table.</summary>
    public IEnumerable<BenchmarkRow> Rows(int width) => _speeds.OrderBy(speed => speed.Key, StringComparer.Ordinal).Select(speed => new BenchmarkRow(
        $"width {width}, {speed.Key}",
        new Dictionary<string, double> { ["tokens/s (median)"] = Median.Of(speed.Value), ["lowest"] = speed.Value.Min(), ["highest"] = speed.Value.Max() }));

    /// <summary>Sums the parts of the steps since the last reset.</summary>
    private sealed class StepTimes
    {
        private readonly MeterListener _listener = new();

        public StepTimes()
        {
            string model = $"model {Guid.NewGuid():N}";          // the meter of this engine alone
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                bool isOwn = instrument.Meter.Tags?.Any(tag => Equals(tag.Value, model)) == true;
                if (isOwn && instrument.Name is ("rudder.decode.duration" or "rudder.sampling.duration"))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<double>((instrument, seconds, _, _) => Add(instrument.Name, TimeSpan.FromSeconds(seconds)));
            _listener.Start();
            Recorder = new EngineMetrics(null).Open(model);
        }

        public EngineRecorder Recorder { get; }

        public TimeSpan Decode { get; private set; }

        public TimeSpan Sampling { get; private set; }

        public int Steps { get; private set; }

        public void Reset() => (Decode, Sampling, Steps) = (default, default, 0);

        // A step reports its decoding first.
        private void Add(string part, TimeSpan time) =>
            (Decode, Sampling, Steps) = part == "rudder.decode.duration" ? (Decode + time, Sampling, Steps + 1) : (Decode, Sampling + time, Steps);
    }
}
