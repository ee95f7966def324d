using Grpc.Core;
using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>A model with 512 ids and a tokenizer with 300, as when embeddings are padded to a round number.</summary>
public sealed class PaddedVocabularyTests : IAsyncLifetime
{
    private const int Known = 300;
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-padded-").FullName;
    private RunningService _service = null!;

    private string Model => Path.Combine(_folder, "m");

    public async ValueTask InitializeAsync()
    {
        ModelCopies.WithTokenizer("tiny-gpt2", Model, TokenizerFamily.Gpt2, Known);
        _service = await RunningService.StartAsync(RunningService.Model(0, "m", Model));
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Decode_IdBeyondTheTokenizer_IsRefusedNamingItAndTheLimit()
    {
        var request = new DecodeRequest { Model = "m", Sequences = { new TokenIds { Ids = { 1, Known } } } };

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await _service.Models.DecodeAsync(request));

        Assert.Equal(StatusCode.InvalidArgument, fault.StatusCode);
        Assert.Contains("sequences[0].ids[1] stands for no text; the tokenizer of model 'm' has ids 0 to 299", fault.Status.Detail);
    }

    [Fact]
    public async Task Sample_IdsBeyondTheTokenizer_StandForNoText()
    {
        // At temperature 100 nearly every id is as likely as another: two fifths of the draws are beyond the tokenizer.
        var request = new SampleRequest
        {
            Model = "m",
            Prompts = { Golden.Prompt(1, 2) },
            N = 8,
            Settings = new SamplerSettings { Temperature = 100, MaxNewTokens = 40, Seed = 1 },
        };
        var plain = await _service.Sampling.SampleAsync(request);
        request.Settings.StopStrings.Add("text that is never drawn");
        var stopped = await _service.Sampling.SampleAsync(request);

        var tokenizer = TextTokenizer.Load(Model)!;
        Assert.Equal(Known, tokenizer.VocabularySize);
        Assert.Contains(plain.Completions.SelectMany(completion => completion.Ids), id => id >= Known);
        Assert.All(plain.Completions, completion => Assert.Equal(tokenizer.Decode(completion.Ids.Where(id => id < Known)), completion.Text));
        Assert.Equal(plain.Completions.Select(completion => completion.Text), stopped.Completions.Select(completion => completion.Text));
    }
}
