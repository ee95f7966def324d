using Grpc.Core;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>Message size and a full queue, on a real engine with one slot.</summary>
public sealed class CallLimitsTests : IAsyncLifetime
{
    private const int QueueLength = 400;
    private RunningService _service = null!;

    public async ValueTask InitializeAsync() => _service = await RunningService.StartAsync(
    [
        .. RunningService.Model(0, "m", ModelCopies.Fixture("tiny-gpt2")),
        "--Service:MaxSlots=1",
        $"--Service:MaxQueue={QueueLength}",
        $"--Service:MaxSequences={QueueLength}",
        $"--Service:MaxSamples={QueueLength}",
        "--Service:MaxRequestBytes=100000",
    ]);

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    [Fact]
    public async Task Sample_MessageAboveTheLimit_IsResourceExhausted()
    {
        var request = new SampleRequest { Model = "m", Prompts = { new Prompt { Text = new string('x', 100_000) } } };

        Assert.Equal(StatusCode.ResourceExhausted, await StatusAsync(request));
    }

    [Fact]
    public async Task Sample_QueueFull_IsResourceExhaustedAndOthersGoOn()
    {
        var request = new SampleRequest { Model = "m", Prompts = { Golden.Prompt(1) }, N = QueueLength, Settings = new SamplerSettings { MaxNewTokens = 40 } };
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => StatusAsync(request)));

        // The first fills the queue; among eight at once some must find it full.
        Assert.Contains(StatusCode.OK, outcomes);
        Assert.Contains(StatusCode.ResourceExhausted, outcomes);
        Assert.All(outcomes, status => Assert.True(status is StatusCode.OK or StatusCode.ResourceExhausted, status.ToString()));
    }

    private async Task<StatusCode> StatusAsync(SampleRequest request)
    {
        try
        {
            await _service.Sampling.SampleAsync(request);
            return StatusCode.OK;
        }
        catch (RpcException fault)
        {
            return fault.StatusCode;
        }
    }
}
