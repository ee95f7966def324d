using Grpc.Core;
using Rudder.Client.Files;
using Rudder.Client.Pairs;
using Rudder.Client.Rpc;
using Rudder.Client.Tests.FakeService;
using Rudder.Datasets;
using Rudder.Inference.V1;
using Rudder.Preference.V1;

namespace Rudder.Client.Tests.Pairs;

/// <summary>Pairs over real gRPC: what is asked, what is written, and that batching and interruptions change nothing.</summary>
public sealed class PairsJobTests : IDisposable
{
    private const int PromptCount = 23;
    private readonly TemporaryFolder _folder = new();
    private readonly string _prompts;

    public PairsJobTests() =>
        _prompts = _folder.Write(
            "prompts.jsonl",
            string.Concat(Enumerable.Range(1, PromptCount).Select(i => $$"""{"id":"p{{i}}","text":"Prompt number {{i}}"}""" + "\n"))
        );

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Run_OtherBatches_WritesTheSameBytes()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        byte[] first = await WriteAsync(server, "a.jsonl", batch: 16, inFlight: 2);
        Assert.Equal(first, await WriteAsync(server, "b.jsonl", batch: 1, inFlight: 1));
        Assert.Equal(first, await WriteAsync(server, "c.jsonl", batch: 7, inFlight: 5));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Run_InterruptedByAFailure_ContinuesToTheSameBytesWithoutAskingAgain(int failingCall)
    {
        await using FakeServer server = await FakeServer.StartAsync();
        byte[] whole = await WriteAsync(server, "whole.jsonl");
        server.Calls.Clear();
        server.Fault = (method, before, _) =>
            method == "Sample" && before == failingCall
                ? throw new RpcException(new Status(StatusCode.Internal, "scripted"))
                : Task.CompletedTask;
        await Assert.ThrowsAsync<ServiceException>(() => WriteAsync(server, "cut.jsonl", batch: 4, inFlight: 1));
        Assert.False(File.Exists(_folder.File("cut.jsonl")));
        server.Fault = (_, _, _) => Task.CompletedTask;
        server.Calls.Clear();
        Assert.Equal(whole, await WriteAsync(server, "cut.jsonl", batch: 4, inFlight: 1));
        int asked = server.Calls.Where(call => call.Method == "Sample").Sum(call => ((SampleRequest)call.Request).Prompts.Count);
        Assert.Equal(PromptCount - (4 * failingCall), asked);
    }

    [Theory]
    [InlineData(FakeModels.Policy, "f-other", Precision.Fp32)]
    [InlineData(FakeModels.Policy, "f-policy", Precision.Int8)]
    [InlineData(FakeModels.Classifier, "f-other", Precision.Fp32)]
    [InlineData(FakeModels.Classifier, "f-classifier", Precision.Int8)]
    public async Task Run_ModelReplacedUnderItsName_StopsAndWritesNothingOfTheOther(
        string replaced,
        string fingerprint,
        Precision precision
    )
    {
        await using FakeServer server = await FakeServer.StartAsync();
        byte[] whole = await WriteAsync(server, "whole.jsonl");
        server.Calls.Clear();
        server.Identity = (model, before) => model == replaced && before >= 2 ? (fingerprint, precision) : ("f-" + model, Precision.Fp32);
        WorkFailedException error = await Assert.ThrowsAsync<WorkFailedException>(() =>
            WriteAsync(server, "cut.jsonl", batch: 4, inFlight: 1)
        );
        Assert.Contains($"'{replaced}'", error.Message, StringComparison.Ordinal);
        Assert.Contains($"f-{replaced} (Fp32)", error.Message, StringComparison.Ordinal);
        Assert.Contains($"{fingerprint} ({precision})", error.Message, StringComparison.Ordinal);
        byte[] written = await File.ReadAllBytesAsync(GroupFile.PartialPath(_folder.File("cut.jsonl")));
        Assert.Equal(whole[..written.Length], written);
        Assert.Contains("\"p8\"", System.Text.Encoding.UTF8.GetString(written), StringComparison.Ordinal); // two batches of 4
        Assert.DoesNotContain("\"p9\"", System.Text.Encoding.UTF8.GetString(written), StringComparison.Ordinal);

        server.Identity = (model, _) => ("f-" + model, Precision.Fp32); // the first model is back
        Assert.Equal(whole, await WriteAsync(server, "cut.jsonl", batch: 4, inFlight: 1));
    }

    [Fact]
    public async Task Run_MissingPromptFile_IsRefusedBeforeTheServiceIsAsked()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using InferenceClient client = server.Client();
        PairsSettings wrong = Settings("a.jsonl") with { Prompts = new PromptSource(_folder.File("nowhere.jsonl")) };
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() =>
            new PairsJob(client, new Progress<(int, int)>()).RunAsync(wrong, CancellationToken.None)
        );
        Assert.Contains("nowhere.jsonl", error.Message, StringComparison.Ordinal);
        Assert.Empty(server.Calls);
    }

    [Fact]
    public async Task Run_FinishedFile_AsksForNoCompletion()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        await WriteAsync(server, "a.jsonl");
        server.Calls.Clear();
        await WriteAsync(server, "a.jsonl");
        Assert.Equal(0, server.Count("Sample"));
    }

    [Fact]
    public async Task Run_OtherSeedOnTheSameFile_IsRefusedByName()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        await WriteAsync(server, "a.jsonl");
        using InferenceClient client = server.Client();
        PairsSettings other = Settings("a.jsonl") with { Plan = new SamplingPlan(4, 12, Seed: 6) };
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() =>
            new PairsJob(client, new Progress<(int, int)>()).RunAsync(other, CancellationToken.None)
        );
        Assert.Contains("sampling.seed was 5, is now 6", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ReplyWithoutAPrecision_IsRefused()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Identity = (model, _) => ("f-" + model, Precision.Unspecified);
        WorkFailedException error = await Assert.ThrowsAsync<WorkFailedException>(() => WriteAsync(server, "a.jsonl"));
        Assert.Contains("Sampling.Sample was answered by f-policy (Unspecified)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_OtherPrecisionOfTheClassifier_IsRefusedByName()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        await WriteAsync(server, "a.jsonl");
        ModelInfo[] held = [.. FakeModels.List.Select(model => model.Clone())];
        held[2].Precision = Precision.Int8;
        server.Held = held;
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() => WriteAsync(server, "a.jsonl"));
        Assert.Contains("classifier_precision was \"Fp32\", is now \"Int8\"", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_Request_SetsEverySamplerFieldAndOneSeedAPrompt()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        await WriteAsync(server, "a.jsonl");
        SampleRequest[] requests = [.. server.Calls.Where(call => call.Method == "Sample").Select(call => (SampleRequest)call.Request)];
        SampleRequest request = requests[0];
        Assert.True(
            request.Settings is { HasTemperature: true, HasTopK: true, HasTopP: true, HasMinP: true, HasMaxNewTokens: true, HasSeed: true }
        );
        Assert.Equal((1f, 0, 1f, 0f), (request.Settings.Temperature, request.Settings.TopK, request.Settings.TopP, request.Settings.MinP));
        // Several requests are under way at once: they arrive in any order.
        ulong[] seeds = [.. requests.SelectMany(sent => sent.Prompts).Select(p => (ulong)p.Seed)];
        Assert.Contains(StableHash.Seed(5, "p1"), seeds);
        Assert.Equal(seeds.Length, seeds.Distinct().Count());
    }

    [Fact]
    public async Task Run_Pairs_AreOrderedByScoreOfPromptAndCompletionAndDropTies()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        await WriteAsync(server, "a.jsonl");
        List<PreferencePair> pairs = [.. PreferencePairs.Read(_folder.File("a.jsonl"))];
        Assert.All(pairs, pair =>
        {
            Assert.True(pair.ChosenSample.Score > pair.RejectedSample.Score);
            Assert.Equal(FakeModels.Positive(pair.Prompt + pair.Chosen), pair.ChosenSample.Score);
            Assert.Equal(FakeModels.Positive(pair.Prompt + pair.Rejected), pair.RejectedSample.Score);
            Assert.Equal(("f-policy", "f-classifier"), (pair.PolicyFingerprint, pair.ClassifierFingerprint));
            Assert.Equal(StableHash.Seed(5, pair.PromptId), pair.Settings.Seed);
        });
        Assert.InRange(pairs.Count, PromptCount, (PromptCount * 6) - 1); // scores have five values, so some of the 6 pairs of a prompt are ties
    }

    [Theory]
    [InlineData(1, 12, "samples")]
    [InlineData(4, 0, "max_new_tokens")]
    public async Task Run_SettingOutOfRange_IsNamed(int samples, int tokens, string named)
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using InferenceClient client = server.Client();
        PairsSettings wrong = Settings("a.jsonl") with { Plan = new SamplingPlan(samples, tokens) };
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() =>
            new PairsJob(client, new Progress<(int, int)>()).RunAsync(wrong, CancellationToken.None)
        );
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_UnknownLabel_NamesTheLabelsThereAre()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using InferenceClient client = server.Client();
        PairsSettings wrong = Settings("a.jsonl") with { PositiveLabel = "GOOD" };
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() =>
            new PairsJob(client, new Progress<(int, int)>()).RunAsync(wrong, CancellationToken.None)
        );
        Assert.Contains("NEGATIVE, POSITIVE", error.Message, StringComparison.Ordinal);
    }

    private PairsSettings Settings(string output, int batch = 16, int inFlight = 2) =>
        new(
            FakeModels.Policy,
            FakeModels.Classifier,
            new PromptSource(_prompts),
            new SamplingPlan(4, 12, Seed: 5),
            _folder.File(output),
            Batch: batch,
            InFlight: inFlight
        );

    private async Task<byte[]> WriteAsync(FakeServer server, string output, int batch = 16, int inFlight = 2)
    {
        using InferenceClient client = server.Client();
        await new PairsJob(client, new Progress<(int, int)>()).RunAsync(Settings(output, batch, inFlight), CancellationToken.None);
        return await File.ReadAllBytesAsync(_folder.File(output));
    }
}
