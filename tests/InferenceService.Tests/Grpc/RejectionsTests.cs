using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Rudder.Engine;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class RejectionsTests
{
    [Fact]
    public void Count_AnyFailure_CountsThoseForWantOfRoomOfALoadedModel()
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var factory = services.GetRequiredService<IMeterFactory>();
        var counted = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, factory) && instrument.Name == "rudder.rejections")
                {
                    listening.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) => counted.Add($"{string.Join(',', tags.ToArray().Select(tag => tag.Value))} {value}"));
        listener.Start();
        var metrics = new ServiceMetrics(factory);
        metrics.Loaded("m");
        var rejections = new Rejections(metrics);

        rejections.Count(EngineFaults.QueueFull(1, 1, 1), "m");
        rejections.Count(new ClientLimitException(""), "m");
        rejections.Count(new SlowReaderException(16), "m");
        rejections.Count(EngineFaults.Closed(), "m");
        rejections.Count(new OperationCanceledException(), "m");
        rejections.Count(EngineFaults.QueueFull(1, 1, 1), null);

        Assert.Equal(["m,queue_full 1", "m,client_limit 1", "m,slow_reader 1", "m,draining 1"], counted);
    }

    [Fact]
    public void Count_ManyRefusals_AllocatesNothing()
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var factory = services.GetRequiredService<IMeterFactory>();
        long counted = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, factory) && instrument.Name == "rudder.rejections")
                {
                    listening.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => counted += value);
        listener.Start();
        var metrics = new ServiceMetrics(factory);
        metrics.Loaded("m");
        var rejections = new Rejections(metrics);
        var refusal = EngineFaults.QueueFull(1, 1, 1);
        Refuse(10);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Refuse(1000);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(1010, counted);

        void Refuse(int times)
        {
            for (int i = 0; i < times; i++)
            {
                rejections.Count(refusal, "m");
            }
        }
    }
}
