using System.Text.Json.Nodes;
using Grpc.Core;
using Rudder.Client.Evaluation;
using Rudder.Client.Pairs;
using Rudder.Client.Rpc;
using Rudder.Client.Tests.FakeService;
using Rudder.Inference.V1;

namespace Rudder.Client.Tests.Evaluation;

/// <summary>An evaluation over real gRPC, and its sums by hand.</summary>
public sealed class EvaluationJobTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _prompts;

    public EvaluationJobTests() =>
        _prompts = _folder.Write(
            "prompts.jsonl",
            string.Concat(Enumerable.Range(1, 12).Select(i => $$"""{"id":"p{{i}}","text":"Prompt number {{i}}"}""" + "\n"))
        );

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Run_Policy_SumsWhatTheServiceSaid()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        EvaluationResult result = await RunAsync(server, "a.json");
        ClassifyRequest[] judged = [.. server.Calls.Where(c => c.Method == "Classify").Select(c => (ClassifyRequest)c.Request)];
        double reward = judged.SelectMany(r => r.Inputs).Average(input => FakeModels.Positive(input.Text));
        DivergenceRequest[] measured = [.. server.Calls.Where(c => c.Method == "Divergence").Select(c => (DivergenceRequest)c.Request)];
        SequenceDivergence[] expected = [.. measured.SelectMany(r => r.Sequences).Select(FakeModels.Diverge)];
        Assert.Equal((12, 36), (result.Prompts, result.Samples));
        Assert.Equal(reward, result.RewardMean, 6); // the service's probabilities are float32
        Assert.Equal(expected.Average(d => d.KlSeqExact), result.KlSeqExact, 9);
        Assert.Equal(expected.Average(d => d.KlSeqK1), result.KlSeqK1, 9);
        Assert.Equal(expected.Sum(d => d.KlSeqExact) / expected.Sum(d => d.Tokens), result.KlTokenMean, 9);
        Assert.Equal(expected.Average(d => d.Tokens), result.LengthMean, 9);
        Assert.InRange(result.RewardMean, result.RewardCi[0], result.RewardCi[1]);
        Assert.InRange(result.KlSeqExact, result.KlSeqExactCi[0], result.KlSeqExactCi[1]);
        Assert.All(measured, request => Assert.Equal((FakeModels.Policy, FakeModels.Reference), (request.Model, request.Reference)));
    }

    [Fact]
    public async Task Run_Sampling_IsPlainAndExplicit()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        await RunAsync(server, "a.json");
        SamplerSettings sent = ((SampleRequest)server.Calls.First(c => c.Method == "Sample").Request).Settings;
        Assert.True(
            sent is { HasTemperature: true, Temperature: 1, HasTopK: true, TopK: 0, HasTopP: true, TopP: 1, HasMinP: true, MinP: 0 }
        );
    }

    [Fact]
    public async Task Run_ReferenceAgainstItself_HasKlZeroAndAsksForNone()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        EvaluationResult result = await RunAsync(server, "a.json", policy: FakeModels.Reference);
        Assert.Equal(0, server.Count("Divergence"));
        Assert.Equal((0.0, 0.0), (result.KlSeqExact, result.KlSeqK1));
        Assert.Equal([0.0, 0.0], result.KlSeqExactCi);
    }

    [Fact]
    public async Task Run_WeightsOfTheReferenceAtAnotherPrecision_IsRefused()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Held = Changed(0, model => (model.Fingerprint, model.Precision) = ("f-reference", Precision.Int8));
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() => RunAsync(server, "a.json"));
        Assert.Contains("trainer export", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, server.Count("Sample"));
    }

    [Theory]
    [InlineData(0, "policy_precision")]
    [InlineData(1, "reference_precision")]
    [InlineData(2, "classifier_precision")]
    public async Task Run_OtherPrecisionOnTheSameFile_IsRefusedByName(int model, string named)
    {
        await using FakeServer server = await FakeServer.StartAsync();
        await RunAsync(server, "a.json");
        server.Held = Changed(model, held => held.Precision = Precision.Int8);
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() => RunAsync(server, "a.json"));
        Assert.Contains($"{named} was \"Fp32\", is now \"Int8\"", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("runs/evaluation.json", "runs/evaluation.samples.jsonl")]
    [InlineData("runs/beta-0.1", "runs/beta-0.1.samples.jsonl")]
    [InlineData("runs/beta-0.1.json", "runs/beta-0.1.samples.jsonl")]
    public void RowsPath_Output_LosesNothingButAFinalJson(string output, string expected) =>
        Assert.Equal(expected, EvaluationJob.RowsPath(output));

    [Fact]
    public async Task Run_InterruptedAndContinued_GivesTheSameFile()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        await RunAsync(server, "whole.json");
        server.Calls.Clear();
        server.Fault = (method, before, _) =>
            method == "Divergence" && before == 1
                ? throw new RpcException(new Status(StatusCode.Internal, "scripted"))
                : Task.CompletedTask;
        await Assert.ThrowsAsync<ServiceException>(() => RunAsync(server, "cut.json"));
        Assert.False(File.Exists(_folder.File("cut.json")));
        server.Fault = (_, _, _) => Task.CompletedTask;
        await RunAsync(server, "cut.json");
        Assert.Equal(File.ReadAllText(_folder.File("whole.json")), File.ReadAllText(_folder.File("cut.json")));
    }

    [Theory]
    [InlineData(FakeModels.Policy, "f-other", Precision.Fp32)]
    [InlineData(FakeModels.Reference, "f-other", Precision.Fp32)]
    [InlineData(FakeModels.Reference, "f-reference", Precision.Int8)]
    [InlineData(FakeModels.Classifier, "f-other", Precision.Fp32)]
    public async Task Run_ModelReplacedUnderItsName_StopsWithBothValues(string replaced, string fingerprint, Precision precision)
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Identity = (model, before) => model == replaced && before >= 1 ? (fingerprint, precision) : ("f-" + model, Precision.Fp32);
        WorkFailedException error = await Assert.ThrowsAsync<WorkFailedException>(() => RunAsync(server, "a.json"));
        Assert.Contains($"f-{replaced} (Fp32)", error.Message, StringComparison.Ordinal);
        Assert.Contains($"{fingerprint} ({precision})", error.Message, StringComparison.Ordinal);
        Assert.Equal(5, File.ReadLines(_folder.File("a.samples.jsonl.partial")).Count()); // the first batch
        Assert.False(File.Exists(_folder.File("a.json")));
    }

    [Fact]
    public async Task Run_DamagedRowOfAFinishedFile_IsBadInputThatNamesTheLine()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        await RunAsync(server, "a.json");
        string[] rows = File.ReadAllLines(_folder.File("a.samples.jsonl"));
        rows[2] = rows[2][..20];
        File.WriteAllLines(_folder.File("a.samples.jsonl"), rows);
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() => RunAsync(server, "a.json"));
        Assert.Contains("a.samples.jsonl, line 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_File_HoldsFiveSamplesAndTheSettings()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        await RunAsync(server, "a.json");
        JsonNode file = JsonNode.Parse(File.ReadAllText(_folder.File("a.json")))!;
        Assert.Equal(5, file["sample_completions"]!.AsArray().Count);
        Assert.Equal("p1", file["sample_completions"]![0]!["prompt_id"]!.ToString());
        Assert.Equal("f-policy", file["settings"]!["policy_fingerprint"]!.ToString());
        Assert.Equal(2000, file["settings"]!["bootstrap"]!["resamples"]!.GetValue<int>());
    }

    [Fact]
    public void Of_HandMadeRows_GivesMeansByHand()
    {
        EvaluationRow[] rows =
        [
            new("a", "A", [new("x", 10, true, 1.0, 5, 4), new("y", 30, false, 0.5, 7, -1)]),
            new("b", "B", [new("z", 20, true, 0.0, 0, 1)]),
        ];
        var result = EvaluationResult.Of("p", "r", rows, 200, 0, []);
        Assert.Equal(0.5, result.RewardMean, 12);
        Assert.Equal(4, result.KlSeqExact, 12);
        Assert.Equal(4.0 / 3, result.KlSeqK1, 12); // the negative value counts as it is
        Assert.Equal(12.0 / 60, result.KlTokenMean, 12);
        Assert.Equal(20, result.LengthMean, 12);
        Assert.Equal(2.0 / 3, result.EndedShare, 12);
    }

    /// <summary>The fake's models with one of them changed.</summary>
    private static ModelInfo[] Changed(int index, Action<ModelInfo> change)
    {
        ModelInfo[] models = [.. FakeModels.List.Select(model => model.Clone())];
        change(models[index]);
        return models;
    }

    private async Task<EvaluationResult> RunAsync(FakeServer server, string output, string policy = FakeModels.Policy)
    {
        using InferenceClient client = server.Client();
        EvaluationSettings settings = new(
            policy,
            FakeModels.Reference,
            FakeModels.Classifier,
            new EvaluationPlan(new PromptSource(_prompts), 3, 12, Batch: 5, InFlight: 1),
            5,
            _folder.File(output)
        );
        return await new EvaluationJob(client, new Progress<(int, int)>()).RunAsync(settings, CancellationToken.None);
    }
}
