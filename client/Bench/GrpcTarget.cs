using Grpc.Core;
using Rudder.Client.Rpc;
using Rudder.Inference.V1;

namespace Rudder.Client.Bench;

/// <summary>Rudder's own service: <c>Sampling.SampleStream</c>, an event for each token.</summary>
/// <param name="client">The service. This target disposes it.</param>
/// <param name="model">Name of a loaded generator.</param>
/// <param name="completions">Completions of each prompt.</param>
internal sealed class GrpcTarget(InferenceClient client, string model, int completions) : IBenchTarget
{
    public async Task<int> PrepareAsync(CancellationToken cancel) =>
        (await client.FindModelAsync(model, ModelKind.Generator, cancel)).Vocabulary;

    public async Task SendAsync(BenchRequest request, RequestTimer timer, CancellationToken cancel)
    {
        try
        {
            await foreach (SampleStreamResponse reply in client.SampleStreamAsync(ToProto(request), cancel))
            {
                if (reply.EventCase == SampleStreamResponse.EventOneofCase.Token)
                {
                    timer.Arrived(reply.Token.SampleIndex);
                }
                else if (reply.EventCase == SampleStreamResponse.EventOneofCase.End)
                {
                    timer.Usage = (reply.End.Usage.PromptTokens, reply.End.Usage.CompletionTokens);
                }
            }
        }
        catch (ServiceException failure)
        {
            string detail = ((RpcException)failure.InnerException!).Status.Detail;
            throw new FailedRequestException(ServiceException.Name(failure.Status), detail, failure.IsRefusal, failure);
        }
    }

    public void Dispose() => client.Dispose();

    private SampleRequest ToProto(BenchRequest request)
    {
        Prompt prompt = request.Ids is { } ids ? new Prompt { Ids = new TokenIds { Ids = { ids } } } : new Prompt { Text = request.Text };
        return new SampleRequest
        {
            Model = model,
            Prompts = { prompt },
            N = completions,
            Settings = new SamplerSettings { MaxNewTokens = request.MaxNewTokens, Seed = (ulong)request.Seed },
        };
    }
}
