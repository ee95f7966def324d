using System.Diagnostics;
using Grpc.Core;
using Rudder.Engine;
using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Tests.Telemetry;

public sealed class ServiceTracingTests
{
    [Fact]
    public void Asked_EverySetting_HasTheTypeOfTheConventions()
    {
        using var source = new ActivitySource("Microsoft.AspNetCore");
        using var listener = new ActivityListener
        {
            ShouldListenTo = listened => ReferenceEquals(listened, source),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        using var span = source.StartActivity("request", ActivityKind.Server);
        var prompt = new PromptRequest { PromptIds = [1], Samples = 2, MaxNewTokens = 3, Parameters = new SamplingParameters(0.5f, 5, 0.25f, 0) };

        ServiceTracing.Asked("m", new GenerationPlan(new FakeGenerator("f"), new GenerationBatch([prompt], Seed: 7), StopRule.None, _ => ""));

        Assert.NotNull(span);
        Assert.Equal("m", span.GetTagItem("gen_ai.request.model"));
        Assert.Equal(5d, Assert.IsType<double>(span.GetTagItem("gen_ai.request.top_k")));
        Assert.Equal(0.5, Assert.IsType<double>(span.GetTagItem("gen_ai.request.temperature")));
        Assert.Equal(0.25, Assert.IsType<double>(span.GetTagItem("gen_ai.request.top_p")));
        Assert.Equal(7L, Assert.IsType<long>(span.GetTagItem("gen_ai.request.seed")));
        Assert.Equal(3, Assert.IsType<int>(span.GetTagItem("gen_ai.request.max_tokens")));
        Assert.Equal(2, Assert.IsType<int>(span.GetTagItem("gen_ai.request.choice.count")));
    }

    [Fact]
    public void Ended_FailedRpc_HasItsNameAndStatus()
    {
        using var source = new ActivitySource("Microsoft.AspNetCore");
        using var listener = new ActivityListener
        {
            ShouldListenTo = listened => ReferenceEquals(listened, source),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        using var span = source.StartActivity("request", ActivityKind.Server);

        ServiceTracing.Ended("/inference.v1.Scoring/Classify", StatusCode.NotFound, null);

        Assert.NotNull(span);
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.Equal("NotFound", span.GetTagItem("error.type"));
        Assert.Equal(("inference.v1.Scoring", "Classify", 5), (span.GetTagItem("rpc.service"), span.GetTagItem("rpc.method"), span.GetTagItem("rpc.grpc.status_code")));
    }
}
