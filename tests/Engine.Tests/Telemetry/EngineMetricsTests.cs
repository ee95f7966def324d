using System.Diagnostics.Metrics;
using System.Globalization;
using Rudder.Engine.Telemetry;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Telemetry;

public sealed class EngineMetricsTests : IDisposable
{
    private const string Model = "[gen_ai.request.model=m]";
    private const string GenAiModel = "[gen_ai.operation.name=text_completion,gen_ai.provider.name=rudder,gen_ai.request.model=m]";

    private readonly Meters _factory = new();
    private readonly MeterListener _listener = new();
    private readonly List<string> _seen = [];
    private readonly EngineMetrics _metrics;

    public EngineMetricsTests()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, _factory))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => See(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => See(instrument, value, tags));
        _listener.Start();
        _metrics = new EngineMetrics(_factory);
    }

    [Fact]
    public void Open_EveryReport_IsRecordedWithItsAttributes()
    {
        var observer = _metrics.Open("m");

        observer.Admitted(TimeSpan.FromMilliseconds(250), 7);
        observer.Prefilled(2, 14, TimeSpan.FromMilliseconds(500));
        observer.Stepped(3, TimeSpan.FromMilliseconds(750), TimeSpan.FromMilliseconds(250));
        observer.FirstToken(TimeSpan.FromSeconds(1));
        observer.NextToken(TimeSpan.FromMilliseconds(125));
        observer.Finished(5, SequenceEnd.Length);

        Assert.Equal(
            [
                $"rudder.queue.duration{Model} 0.25",
                "rudder.tokens[gen_ai.request.model=m,gen_ai.token.type=input] 7",
                $"rudder.prefill.duration{Model} 0.5",
                $"rudder.prefill.prompts{Model} 2",
                $"rudder.prefill.tokens{Model} 14",
                $"rudder.batch.width{Model} 3",
                $"rudder.decode.duration{Model} 0.75",
                $"rudder.sampling.duration{Model} 0.25",
                $"rudder.sampler.share{Model} 0.25",
                $"gen_ai.server.time_to_first_token{GenAiModel} 1",
                $"gen_ai.server.time_per_output_token{GenAiModel} 0.125",
                "rudder.tokens[gen_ai.request.model=m,gen_ai.token.type=output] 5",
                "rudder.sequences[gen_ai.request.model=m,reason=length] 1",
            ],
            _seen);
    }

    [Fact]
    public void Stepped_NoTimeAtAll_RecordsNoShare()
    {
        _metrics.Open("m").Stepped(1, TimeSpan.Zero, TimeSpan.Zero);

        Assert.DoesNotContain(_seen, line => line.StartsWith("rudder.sampler.share", StringComparison.Ordinal));
    }

    [Fact]
    public void Open_ManyReports_AllocateNothing()
    {
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, _factory))
                {
                    listening.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>(static (_, _, _, _) => { });
        listener.SetMeasurementEventCallback<long>(static (_, _, _, _) => { });
        listener.Start();
        _listener.Dispose(); // this test's own listener allocates nothing; the other one writes lines
        var observer = _metrics.Open("m");
        Report(observer, 10);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Report(observer, 1000);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Watch_TwoEnginesOfOneName_AreSummedUntilTheirReportsEnd()
    {
        var old = _metrics.Open("m");
        old.Watch(() => new EngineLoad(3, 5, 4, 100, 400), cacheBytesPerToken: 10);
        var fresh = _metrics.Open("m");
        fresh.Watch(() => new EngineLoad(1, 0, 4, 20, 400), cacheBytesPerToken: 10);

        _listener.RecordObservableInstruments();
        string[] expected =
        [
            $"rudder.sequences.running{Model} 4",
            $"rudder.sequences.waiting{Model} 5",
            $"rudder.slots{Model} 8",
            $"rudder.slots.utilization{Model} 0.5",
            $"rudder.cache.utilization{Model} 0.15",
            $"rudder.cache.usage{Model} 1200",
            $"rudder.cache.limit{Model} 8000",
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), _seen.Order(StringComparer.Ordinal));

        old.Dispose();
        _seen.Clear();
        _listener.RecordObservableInstruments();
        Assert.Contains($"rudder.slots{Model} 4", _seen);

        fresh.Dispose();
        _seen.Clear();
        _listener.RecordObservableInstruments();
        Assert.Empty(_seen);
    }

    [Fact]
    public void Watch_BytesUnknownAndNoCache_LeavesThoseGaugesOut()
    {
        _metrics.Open("m").Watch(() => new EngineLoad(0, 0, 4, 0, 0));

        _listener.RecordObservableInstruments();

        Assert.DoesNotContain(_seen, line => line.StartsWith("rudder.cache", StringComparison.Ordinal));
        Assert.Contains($"rudder.slots{Model} 4", _seen);
    }

    [Fact]
    public void Dispose_LastModelOfAName_EndsItsSeriesForGood()
    {
        var old = _metrics.Open("m");
        using var other = _metrics.Open("m");                // a swap
        old.Dispose();
        other.Finished(1, SequenceEnd.Stop);
        Assert.Equal(2, _seen.Count);

        other.Dispose();
        other.Finished(1, SequenceEnd.Stop);                 // a report that comes too late
        Assert.Equal(2, _seen.Count);

        using var again = _metrics.Open("m");
        again.Finished(1, SequenceEnd.Stop);
        Assert.Equal(4, _seen.Count);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _factory.Dispose();
    }

    private static void Report(EngineRecorder observer, int times)
    {
        for (int i = 0; i < times; i++)
        {
            observer.Admitted(TimeSpan.FromTicks(i), i);
            observer.Prefilled(1, i, TimeSpan.FromTicks(i));
            observer.Stepped(i, TimeSpan.FromTicks(i + 1), TimeSpan.FromTicks(i));
            observer.FirstToken(TimeSpan.FromTicks(i));
            observer.NextToken(TimeSpan.FromTicks(i));
            observer.Finished(i, SequenceEnd.Stop);
        }
    }

    private void See<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        where T : struct, IFormattable =>
        _seen.Add($"{instrument.Name}[{string.Join(',', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"))}] {value.ToString(null, CultureInfo.InvariantCulture)}");
}
