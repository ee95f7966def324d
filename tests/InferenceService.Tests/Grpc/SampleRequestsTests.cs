using Rudder.Engine;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Grpc;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class SampleRequestsTests
{
    [Fact]
    public void Plan_TopLogProbsThatFit_AreTakenOver()
    {
        var plan = Plan(top: 16, n: 2, tokens: 4);           // 128

        Assert.Equal(16, plan.Prompts[0].TopLogProbs);
    }

    [Theory]
    [InlineData(17, 2, 4, "top_logprobs is 17 at up to 8 tokens")]
    [InlineData(1, 3, 43, "top_logprobs is 1 at up to 129 tokens")]
    public void Plan_MoreTopLogProbsThanAreKept_AreRefusedWithTheLimit(int top, int n, int tokens, string part)
    {
        var fault = Assert.Throws<RequestFault>(() => Plan(top, n, tokens));

        Assert.Equal((FaultKind.Invalid, "top_logprobs"), (fault.Kind, fault.Field));
        Assert.StartsWith(part, fault.Message);
        Assert.Contains("at most 128", fault.Message);
    }

    // 1,024 bytes hold 128 log-probs with their ids.
    private static GenerationPlan Plan(int top, int n, int tokens)
    {
        var request = new SampleRequest
        {
            Model = "m",
            Prompts = { Golden.Prompt(1) },
            N = n,
            TopLogprobs = top,
            Settings = new SamplerSettings { MaxNewTokens = tokens },
        };
        return new ModelLease(new FakeGenerator("f").Model("m", new EngineOptions { MaxRankedBytes = 1024 })).Plan(SampleRequests.ToGeneration(request, ""));
    }
}
