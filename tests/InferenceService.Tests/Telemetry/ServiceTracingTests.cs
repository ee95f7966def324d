using System.Diagnostics;
using Rudder.Engine;
using Rudder.Engine.Sampling;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Tests.Telemetry;

public sealed class ServiceTracingTests
{
    [Fact]
    public void Asked_EverySetting_HasTheTypeOfTheConventions()
    {
        using var tracing = new ServiceTracing();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == ServiceTracing.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        using var span = tracing.StartRpc("/inference.v1.Sampling/Sample");
        var prompt = new PromptRequest { PromptIds = [1], Samples = 2, MaxNewTokens = 3, Parameters = new SamplingParameters(0.5f, 5, 0.25f, 0) };

        ServiceTracing.Asked("m", new GenerationBatch([prompt], Seed: 7));

        Assert.NotNull(span);
        Assert.Equal("text_completion m", span.DisplayName);
        Assert.Equal(5d, Assert.IsType<double>(span.GetTagItem("gen_ai.request.top_k")));
        Assert.Equal(0.5, Assert.IsType<double>(span.GetTagItem("gen_ai.request.temperature")));
        Assert.Equal(0.25, Assert.IsType<double>(span.GetTagItem("gen_ai.request.top_p")));
        Assert.Equal(7L, Assert.IsType<long>(span.GetTagItem("gen_ai.request.seed")));
        Assert.Equal(3, Assert.IsType<int>(span.GetTagItem("gen_ai.request.max_tokens")));
        Assert.Equal(2, Assert.IsType<int>(span.GetTagItem("gen_ai.request.choice.count")));
    }
}
