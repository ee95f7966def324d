using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class ModelsServiceTests(SharedService shared) : IDisposable
{
    private readonly RunningService _shared = shared.Service;
    private readonly TimeSpan _limit = TimeSpan.FromSeconds(60);
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-models-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task List_LoadedModels_TellsWhatTheyAre()
    {
        var models = (await _shared.Models.ListAsync(new ListModelsRequest())).Models.ToDictionary(model => model.Name);

        var generator = models[SharedService.Text];
        Assert.Equal((ModelKind.Generator, Inference.V1.Engine.Slots, Precision.Fp32), (generator.Kind, generator.Engine, generator.Precision));
        Assert.Equal((512, 64, 32, 511, true), (generator.Vocabulary, generator.Context, generator.Slots, generator.EosId, generator.HasTokenizer));
        Assert.Equal("Microsoft.ML.Tokenizers: byte-level BPE as in GPT-2", generator.TokenizerLibrary);
        var classifier = models[SharedService.ClassifierIds];
        Assert.Equal((ModelKind.Classifier, 64, 0, false), (classifier.Kind, classifier.Context, classifier.Slots, classifier.HasTokenizer));
        Assert.Equal(["NEGATIVE", "POSITIVE"], classifier.Labels);
        Assert.Equal(64, classifier.Fingerprint.Length);
    }

    [Fact]
    public async Task Encode_ThenDecode_GivesTheTextBack()
    {
        string[] texts = ["The model folder", "", "naïve — ünïcödé 🙂", "  two  spaces "];
        var encoded = await _shared.Models.EncodeAsync(new EncodeRequest { Model = SharedService.Text, Texts = { texts } });
        var decoded = await _shared.Models.DecodeAsync(new DecodeRequest { Model = SharedService.Text, Sequences = { encoded.Results } });

        Assert.Equal(texts, decoded.Texts);
        Assert.Empty(encoded.Results[1].Ids);
    }

    [Fact]
    public void EncodeAndDecode_CallerIsGone_EndWithoutAResult()
    {
        var models = _shared.Get<ModelsService>();
        var gone = new FakeCallContext(new CancellationToken(canceled: true));
        var encode = new EncodeRequest { Model = SharedService.Text, Texts = { "The model folder" } };
        var decode = new DecodeRequest { Model = SharedService.Text, Sequences = { new TokenIds { Ids = { 1 } } } };

        Assert.ThrowsAny<OperationCanceledException>(() => { _ = models.Encode(encode, gone); });
        Assert.ThrowsAny<OperationCanceledException>(() => { _ = models.Decode(decode, gone); });
    }

    [Fact]
    public async Task Encode_WithoutTokenizerOrTexts_IsRefusedByName()
    {
        var bare = await Assert.ThrowsAsync<RpcException>(async () => await _shared.Models.EncodeAsync(new EncodeRequest { Model = SharedService.Ids, Texts = { "x" } }));
        var none = await Assert.ThrowsAsync<RpcException>(async () => await _shared.Models.EncodeAsync(new EncodeRequest { Model = SharedService.Text }));
        var id = await Assert.ThrowsAsync<RpcException>(async () => await _shared.Models.DecodeAsync(
            new DecodeRequest { Model = SharedService.Text, Sequences = { new TokenIds { Ids = { 512 } } } }));

        Assert.Equal((StatusCode.InvalidArgument, StatusCode.InvalidArgument, StatusCode.InvalidArgument), (bare.StatusCode, none.StatusCode, id.StatusCode));
        Assert.Contains("texts[0] cannot be used; model 'gpt2-ids' has no tokenizer", bare.Status.Detail);
        Assert.Contains("or load a folder that holds a tokenizer", bare.Status.Detail);
        Assert.Contains("texts has 0 entries", none.Status.Detail);
        Assert.Contains("sequences[0].ids[0] is outside the vocabulary", id.Status.Detail);
    }

    [Fact]
    public async Task Decode_WithoutTokenizer_IsRefusedWithARemedy()
    {
        var fault = await Assert.ThrowsAsync<RpcException>(async () => await _shared.Models.DecodeAsync(
            new DecodeRequest { Model = SharedService.Ids, Sequences = { new TokenIds { Ids = { 1 } } } }));

        Assert.Equal(StatusCode.InvalidArgument, fault.StatusCode);
        Assert.Contains("sequences[0].ids cannot be used; model 'gpt2-ids' has no tokenizer", fault.Status.Detail);
        Assert.Contains("or load a folder that holds a tokenizer", fault.Status.Detail);
    }

    [Fact]
    public async Task Load_ThenUnload_ServesAndForgets()
    {
        await using var service = await StartAsync();
        ModelCopies.Plain("tiny-gpt2", Path.Combine(_folder, "root", "a"));

        var loaded = await service.Models.LoadAsync(new LoadModelRequest { Name = "policy", Path = "a" });
        Assert.NotNull(service.Get<EngineHost>().List().Single().Source.RequireInPlace);         // by which the loader looked again
        await service.Sampling.SampleAsync(new SampleRequest { Model = "policy", Prompts = { Golden.Prompt(1) } });
        await service.Models.UnloadAsync(new UnloadModelRequest { Name = "policy" });

        Assert.Equal("policy", loaded.Model.Name);
        Assert.Empty((await service.Models.ListAsync(new ListModelsRequest())).Models);
        Assert.Equal(StatusCode.NotFound, await StatusAsync(service.Sampling.SampleAsync(new SampleRequest { Model = "policy", Prompts = { Golden.Prompt(1) } })));
        Assert.Equal(StatusCode.NotFound, await StatusAsync(service.Models.UnloadAsync(new UnloadModelRequest { Name = "policy" })));
    }

    [Fact]
    public async Task Load_OverARunningName_SwapsWithoutALostCall()
    {
        await using var service = await StartAsync();
        ModelCopies.Plain("tiny-gpt2", Path.Combine(_folder, "root", "old"));
        ModelCopies.WithTokenizer("tiny-gpt2", Path.Combine(_folder, "root", "new"), TokenizerFamily.Gpt2);
        var before = await service.Models.LoadAsync(new LoadModelRequest { Name = "policy", Path = "old" });
        using var swapped = new CancellationTokenSource();
        TaskCompletionSource[] served = [.. Enumerable.Range(0, 4).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];
        var callers = served.Select(first => Task.Run(async () =>
        {
            var seen = new List<string>();
            do
            {
                var request = new SampleRequest { Model = "policy", Prompts = { Golden.Prompt(1, 2, 3) }, N = 4 };
                seen.Add((await service.Sampling.SampleAsync(request)).Fingerprint);
                first.TrySetResult();
            }
            while (!swapped.IsCancellationRequested || seen[^1] == before.Model.Fingerprint);
            return seen;
        })).ToList();

        await Task.WhenAll(served.Select(first => first.Task)).WaitAsync(TimeSpan.FromSeconds(60));
        var after = await service.Models.LoadAsync(new LoadModelRequest { Name = "policy", Path = "new" });
        await swapped.CancelAsync();

        // Every call succeeded, under the old model first and under the new one last.
        Assert.NotEqual(before.Model.Fingerprint, after.Model.Fingerprint);
        Assert.All(await Task.WhenAll(callers), seen => Assert.Equal((before.Model.Fingerprint, after.Model.Fingerprint), (seen[0], seen[^1])));
    }

    [Theory]
    [InlineData("../outside", StatusCode.InvalidArgument, "leads out of the service's model roots")]
    [InlineData("/etc", StatusCode.InvalidArgument, "leads out of the service's model roots")]
    [InlineData("link", StatusCode.InvalidArgument, "leads out of the service's model roots")]
    [InlineData("nothing", StatusCode.NotFound, "names no folder")]
    [InlineData("", StatusCode.InvalidArgument, "path has 0 characters; it takes 1 to 4096")]
    [InlineData("empty", StatusCode.FailedPrecondition, "config.json")]
    [InlineData("bare", StatusCode.FailedPrecondition, "trainer export --model")]
    [InlineData("damaged", StatusCode.FailedPrecondition, "damaged")]
    public async Task Load_UnusableFolder_SaysWhy(string path, StatusCode status, string part)
    {
        await using var service = await StartAsync();
        string root = Path.Combine(_folder, "root");
        Directory.CreateDirectory(Path.Combine(_folder, "outside"));
        Directory.CreateDirectory(Path.Combine(root, "empty"));
        File.CreateSymbolicLink(Path.Combine(root, "link"), ModelCopies.Fixture("tiny-gpt2"));
        Directory.Delete(Path.Combine(ModelCopies.Plain("tiny-gpt2", Path.Combine(root, "bare")), "onnx"), recursive: true);
        string damaged = Path.Combine(ModelCopies.Plain("tiny-gpt2", Path.Combine(root, "damaged")), "onnx", "model.onnx_data");
        byte[] bytes = File.ReadAllBytes(damaged);
        bytes[100] ^= 1;
        File.WriteAllBytes(damaged, bytes);

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await service.Models.LoadAsync(new LoadModelRequest { Name = "m", Path = path }));

        Assert.Equal(status, fault.StatusCode);
        Assert.Contains(part, fault.Status.Detail);
        Assert.Empty((await service.Models.ListAsync(new ListModelsRequest())).Models);
    }

    [Fact]
    public async Task Load_TimeForDrainingIsOver_IsGivenUp()
    {
        var loader = new EndlessLoader();
        Directory.CreateDirectory(Path.Combine(_folder, "slow"));
        await using var service = await RunningService.StartAsync(
            services => services.AddLoader(loader), $"--Service:ModelRoots:0={_folder}");
        var load = service.Models.LoadAsync(new LoadModelRequest { Name = "m", Path = "slow" });
        await loader.Begun.WaitAsync(_limit);

        service.Get<ServiceState>().EndRunningCalls();

        var fault = await Assert.ThrowsAsync<RpcException>(() => load.ResponseAsync.WaitAsync(_limit));
        Assert.Equal(StatusCode.Unavailable, fault.StatusCode);
        Assert.Contains("the time for draining is over", fault.Status.Detail);
    }

    [Fact]
    public async Task Load_BadNameEngineOrPrecision_IsRefusedByName()
    {
        var requests = new (LoadModelRequest Request, string Part)[]
        {
            (new() { Name = "a/b", Path = "." }, "name is not a model name"),
            (new() { Name = "", Path = "." }, "name is empty. Give the name that calls will use."),
            (new() { Name = "m", Path = SharedService.Ids, Engine = (Inference.V1.Engine)9 }, "engine is 9"),
            (new() { Name = "m", Path = SharedService.Ids, Precision = (Precision)9 }, "precision is 9"),
        };

        await using var service = await StartAsync();
        foreach (var (request, part) in requests)
        {
            var fault = await Assert.ThrowsAsync<RpcException>(async () => await service.Models.LoadAsync(request));

            Assert.Equal(StatusCode.InvalidArgument, fault.StatusCode);
            Assert.Contains(part, fault.Status.Detail);
        }
    }

    private Task<RunningService> StartAsync()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "root"));
        return RunningService.StartAsync($"--Service:ModelRoots:0={Path.Combine(_folder, "root")}");
    }

    private static async Task<StatusCode> StatusAsync<T>(AsyncUnaryCall<T> call) =>
        (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode;

    /// <summary>Loads until it is cancelled.</summary>
    private sealed class EndlessLoader : IModelLoader
    {
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Begun => _begun.Task;

        public async Task<LoadedModel> LoadAsync(ModelSource source, CancellationToken cancellation)
        {
            _begun.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
            throw new NotSupportedException();
        }
    }
}
