using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Tests.Http;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>Streams hold nothing back: the client has a token before the engine may draw the next one.</summary>
public sealed class StreamedTokensTests : IDisposable
{
    private const int Tokens = 6;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly SemaphoreSlim _steps = new(0);

    public void Dispose() => _steps.Dispose();

    [Fact]
    public async Task SampleStream_EngineWaitsAfterEachToken_TokenArrives()
    {
        await using var service = await StartAsync();
        using var call = service.Sampling.SampleStream(new SampleRequest
        {
            Model = "m",
            Prompts = { Golden.Prompt(1, 3) },
            Settings = new SamplerSettings { MaxNewTokens = Tokens },
        });
        await ReceiveAsync(async () =>
        {
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Limit));
            return call.ResponseStream.Current.Token is not null;
        });
    }

    [Fact]
    public async Task Completions_EngineWaitsAfterEachToken_PieceArrives()
    {
        await using var service = await StartAsync("--http-urls=http://127.0.0.1:0");
        using var http = new HttpFace(service);
        var request = new { model = "m", prompt = new[] { 1, 2, 3 }, max_tokens = Tokens, stream = true, logprobs = 0 };
        using var post = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = JsonContent.Create(request) };
        using var reply = await http.Client.SendAsync(post, HttpCompletionOption.ResponseHeadersRead).WaitAsync(Limit);
        using var body = await reply.Content.ReadAsStreamAsync();
        await using var pieces = SseParser.Create(body).EnumerateAsync().GetAsyncEnumerator();
        await ReceiveAsync(async () =>
        {
            Assert.True(await pieces.MoveNextAsync().AsTask().WaitAsync(Limit));
            using var piece = JsonDocument.Parse(pieces.Current.Data);
            return piece.RootElement.GetProperty("choices")[0].GetProperty("logprobs").ValueKind == JsonValueKind.Object;
        });
    }

    /// <summary>Receives each token, and only then lets the engine take its next step. The prefill gives the first token.</summary>
    private async Task ReceiveAsync(Func<Task<bool>> tokenAsync)
    {
        try
        {
            for (int i = 0; i < Tokens; i++)
            {
                Assert.True(await tokenAsync());
                _steps.Release();
            }
        }
        finally
        {
            _steps.Release(Tokens);                          // after a failure the engine must still end
        }
    }

    private Task<RunningService> StartAsync(params string[] args) => RunningService.StartAsync(
        services => services.AddLoader(new LoadedEngine(new FakeDecoder(slots: 1) { OnStep = _ => _steps.Wait(Limit) })),
        [.. RunningService.Model(0, "m", "/"), "--Logging:Console:LogLevel:Default=None", .. args]);
}
