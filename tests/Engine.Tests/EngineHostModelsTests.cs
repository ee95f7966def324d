using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests;

/// <summary>The public interface over real models.</summary>
public sealed class EngineHostModelsTests : IAsyncLifetime
{
    private static readonly EngineOptions Options = new() { Threads = 1, MaxSlots = 4 };
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-host-").FullName;
    private readonly EngineHost _engine = new(Options);

    public async ValueTask InitializeAsync()
    {
        await _engine.LoadAsync(new ModelSource("policy", ModelCopies.WithTokenizer("tiny-gpt2", Path.Combine(_folder, "policy"), TokenizerFamily.Gpt2)));
        await _engine.LoadAsync(new ModelSource("reward", ModelCopies.WithTokenizer("tiny-roberta", Path.Combine(_folder, "reward"), TokenizerFamily.Roberta)));
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void List_TwoModels_SaysWhatTheyCanDo()
    {
        var (policy, reward) = (_engine.List()[0], _engine.List()[1]);

        Assert.Equal(("policy", true, true, 4, 512), (policy.Name, policy.Generates, policy.HasTokenizer, policy.Slots, policy.Vocabulary));
        Assert.Equal(("reward", false, 0), (reward.Name, reward.Generates, reward.Slots));
        Assert.Equal(["NEGATIVE", "POSITIVE"], reward.Labels);
    }

    [Fact]
    public async Task StreamAsync_SameSeed_ReportsTheTokensAndTextOfGenerateAsync()
    {
        var request = new GenerationRequest { Prompts = [new PromptContent { Text = "The model" }], MaxNewTokens = 12, Seed = 1UL << 40, Samples = 2 };

        var whole = (await _engine.GenerateAsync("policy", request))[0];
        var ids = new List<int>[] { [], [] };
        string[] texts = ["", ""];
        var finished = new GeneratedSequence[2];
        await foreach (var step in _engine.StreamAsync("policy", request))
        {
            if (step.Token is { } token)
            {
                ids[token.SampleIndex].Add(token.Id);
                texts[token.SampleIndex] += token.Text;
            }
            else
            {
                finished[step.Finished!.SampleIndex] = step.Finished;
            }
        }

        for (int sample = 0; sample < 2; sample++)
        {
            Assert.Equal(whole[sample].Ids, ids[sample]);
            Assert.Equal(whole[sample].Text, finished[sample].Text);
            Assert.StartsWith(texts[sample], whole[sample].Text);
            Assert.NotEmpty(whole[sample].Text);
        }
    }

    [Fact]
    public async Task StreamAsync_ReaderLeaves_FreesTheModel()
    {
        var request = new GenerationRequest { Prompts = [new PromptContent { Ids = [1] }], MaxNewTokens = 60 };
        await foreach (var _ in _engine.StreamAsync("policy", request))
        {
            break;
        }

        await _engine.UnloadAsync("policy").WaitAsync(TimeSpan.FromSeconds(10));

        Assert.Equal("reward", Assert.Single(_engine.List()).Name);
    }

    [Fact]
    public async Task ScoreAsync_FixturesPrompts_GivesTheReferenceLogProbs()
    {
        var expected = TinyModel.Expected("tiny-gpt2");
        var ids = expected.GetProperty("input_ids").EnumerateArray().Select(TinyModel.Ids).ToArray();
        double[][] logProbs = [.. expected.GetProperty("token_log_probs").EnumerateArray().Select(row => row.EnumerateArray().Select(x => x.GetDouble()).ToArray())];

        var scores = await _engine.ScoreAsync("policy", [.. ids.Select(prompt => new ScoredSequence(prompt[..1], prompt[1..]))]);

        for (int i = 0; i < ids.Length; i++)
        {
            Assert.All(scores[i].TokenLogProbs.Zip(logProbs[i]), pair => Assert.Equal(pair.Second, pair.First, 1e-4));
        }
    }

    [Fact]
    public async Task DivergeAsync_ModelFromItself_IsZero()
    {
        var result = Assert.Single(await _engine.DivergeAsync("policy", "policy", [new ScoredSequence([1, 2], [3, 4, 5])]));

        Assert.Equal((0.0, 0.0, 3), (result.KlExact, result.KlK1, result.Tokens));
    }

    [Fact]
    public async Task ClassifyAsync_Texts_GivesADistributionForEach()
    {
        var results = await _engine.ClassifyAsync("reward", ["The model reads.", ""]);

        Assert.All(results, result => Assert.Equal(1, result.Probabilities.Sum(), 1e-5));
    }

    [Fact]
    public async Task GenerateAsync_FaultyRequests_NameFieldAndKind()
    {
        var prompt = new PromptContent { Ids = [1] };
        (string Model, GenerationRequest Request, FaultKind Kind, string Field)[] cases =
        [
            ("nobody", new() { Prompts = [prompt] }, FaultKind.NotFound, "model"),
            ("reward", new() { Prompts = [prompt] }, FaultKind.Invalid, "model"),
            ("policy", new() { Prompts = [] }, FaultKind.Invalid, "prompts"),
            ("policy", new() { Prompts = [prompt, new()] }, FaultKind.Invalid, "prompts[1]"),
            ("policy", new() { Prompts = [new() { Ids = [] }] }, FaultKind.Invalid, "prompts[0]"),
            ("policy", new() { Prompts = [new() { Ids = [512] }] }, FaultKind.Invalid, "prompts[0].ids[0]"),
            ("policy", new() { Prompts = [new() { Ids = [-1] }] }, FaultKind.Invalid, "prompts[0].ids[0]"),
            ("policy", new() { Prompts = [new() { Ids = new int[64] }] }, FaultKind.Invalid, "prompts[0]"),
            ("policy", new() { Prompts = [new() { Ids = new int[60] }], MaxNewTokens = 5 }, FaultKind.Invalid, "settings.max_new_tokens"),
            ("policy", new() { Prompts = [prompt], MaxNewTokens = 0 }, FaultKind.Invalid, "settings.max_new_tokens"),
            ("policy", new() { Prompts = [prompt], Samples = 0 }, FaultKind.Invalid, "n"),
            ("policy", new() { Prompts = [prompt], Samples = 65 }, FaultKind.Invalid, "n"),
            ("policy", new() { Prompts = [prompt], MaxNewTokens = 64 }, FaultKind.Invalid, "settings.max_new_tokens"),
            ("policy", new() { Prompts = [prompt], StopStrings = ["a", ""] }, FaultKind.Invalid, "settings.stop_strings[1]"),
            ("policy", new() { Prompts = [prompt], TopLogProbs = 21 }, FaultKind.Invalid, "top_logprobs"),
        ];

        foreach (var (model, request, kind, field) in cases)
        {
            var fault = await Assert.ThrowsAsync<RequestFault>(() => _engine.GenerateAsync(model, request));
            Assert.Equal((kind, field), (fault.Kind, fault.Field));
        }
    }

    [Fact]
    public async Task GenerateAsync_MoreThanTheQueueHolds_IsRefusedForGood()
    {
        await using var engine = new EngineHost(Options with { MaxQueue = 2 });
        await engine.LoadAsync(new ModelSource("policy", Path.Combine(_folder, "policy")));

        var fault = await Assert.ThrowsAsync<RequestFault>(
            () => engine.GenerateAsync("policy", new GenerationRequest { Prompts = [new() { Ids = [1] }], Samples = 3 }));

        Assert.Equal((FaultKind.Invalid, "prompts", "the limit of one call is 2"), (fault.Kind, fault.Field, fault.Limit));
    }

    [Theory]
    [InlineData(0, 3, "sequences[1].prompt_ids")]
    [InlineData(60, 5, "sequences[1]")]
    public async Task ScoreAndDivergeAsync_SequenceDoesNotFit_NameTheField(int prompt, int completion, string field)
    {
        ScoredSequence[] sequences = [new([1], [2]), new(new int[prompt], new int[completion])];

        Assert.Equal(field, (await Assert.ThrowsAsync<RequestFault>(() => _engine.ScoreAsync("policy", sequences))).Field);
        Assert.Equal(field, (await Assert.ThrowsAsync<RequestFault>(() => _engine.DivergeAsync("policy", "policy", sequences))).Field);
    }

    [Fact]
    public async Task ScoreAsync_IdOutsideTheVocabulary_NamesTheField() => Assert.Equal(
        "sequences[0].completion_ids[0]",
        (await Assert.ThrowsAsync<RequestFault>(() => _engine.ScoreAsync("policy", [new ScoredSequence([1], [512])]))).Field);

    [Fact]
    public async Task Acquire_NoSuchModel_NamesTheParameter()
    {
        Assert.Equal("reference", Assert.Throws<RequestFault>(() => _engine.Acquire("nobody", "reference")).Field);
        Assert.Equal("reference", (await Assert.ThrowsAsync<RequestFault>(() => _engine.DivergeAsync("policy", "nobody", []))).Field);
    }

    [Fact]
    public async Task ClassifyAsync_IdsThatDoNotFit_NameFieldAndLimit()
    {
        using var model = _engine.Acquire("reward");
        foreach (int length in (int[])[0, 65])
        {
            var fault = await Assert.ThrowsAsync<RequestFault>(
                () => model.ClassifyAsync([new ClassifierInput(Ids: [0, 2]), new ClassifierInput(Ids: new int[length])]));
            Assert.Equal(("inputs[1].ids", $"has {length} ids", "it takes 1 to 64"), (fault.Field, fault.Value, fault.Limit));
        }

        Assert.Equal("inputs[0]", (await Assert.ThrowsAsync<RequestFault>(() => model.ClassifyAsync([new ClassifierInput()]))).Field);
    }

    [Fact]
    public async Task ScoreAsync_AdmissionThrows_EndsTheCallAndGivesItsPlaceBack()
    {
        using var model = _engine.Acquire("policy");
        long read = 0;

        await Assert.ThrowsAsync<TimeoutException>(() => model.ScoreAsync([new([1, 2], [3])], admitted: tokens =>
        {
            read = tokens;
            throw new TimeoutException();
        }));

        Assert.Equal((3, 0), (read, model.Model.Scoring.Held));
    }

    [Fact]
    public async Task ScorePromptsAsync_PromptsOfAnyLength_ScoresFromTheSecondId()
    {
        using var model = _engine.Acquire("policy");
        var plan = model.Plan(new GenerationRequest { Prompts = [new() { Ids = [1] }, new() { Ids = [1, 2, 3] }], TopLogProbs = 2 }, scoresPrompts: true);
        var expected = (await model.ScoreAsync([new([1], [2, 3])]))[0];

        var scores = await model.ScorePromptsAsync(plan);

        Assert.Empty(scores[0].TokenLogProbs);
        Assert.Equal(expected.TokenLogProbs, scores[1].TokenLogProbs);
        Assert.Equal([2, 2], scores[1].Top!.Select(top => top.Length));
    }

    [Fact]
    public async Task LoadAsync_NoFolder_LeavesTheModelsAsTheyAre()
    {
        var source = new ModelSource("policy", Path.Combine(_folder, "nothing"));

        await Assert.ThrowsAsync<CheckpointException>(() => _engine.LoadAsync(source));

        Assert.Equal(2, _engine.List().Count);
    }

    [Fact]
    public async Task LoadAsync_CancelledWhileItHashesALargeFile_EndsAtOnceAndDelaysNoOther()
    {
        string large = ModelCopies.Plain("tiny-gpt2", Path.Combine(_folder, "large"));
        using (var weights = new FileStream(Path.Combine(large, "model.safetensors"), FileMode.Open))
        {
            weights.SetLength(1L << 38);                     // sparse: minutes of hashing
        }

        using var cancellation = new CancellationTokenSource();
        var loading = _engine.LoadAsync(new ModelSource("large", large), cancellation.Token);
        await _engine.LoadAsync(new ModelSource("other", Path.Combine(_folder, "policy"))).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False(loading.IsCompleted);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loading.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task LoadAsync_FolderOfLinksIntoADownloadCache_Loads()
    {
        string cache = Path.Combine(_folder, "cache"), snapshot = Path.Combine(cache, "snapshots", "main"), blobs = Path.Combine(cache, "blobs");
        string source = Path.Combine(_folder, "policy");
        Directory.CreateDirectory(blobs);
        Directory.CreateDirectory(Path.Combine(snapshot, "onnx"));
        foreach (string file in Directory.GetFiles(source, "*", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(source, file), blob = Guid.NewGuid().ToString("N");
            File.Copy(file, Path.Combine(blobs, blob));
            string up = name.Contains(Path.DirectorySeparatorChar) ? "../../../blobs/" : "../../blobs/";
            File.CreateSymbolicLink(Path.Combine(snapshot, name), up + blob);
        }

        var loaded = await _engine.LoadAsync(new ModelSource("linked", snapshot));

        Assert.Equal(_engine.List().Single(model => model.Name == "policy").Fingerprint, loaded.Fingerprint);
        Assert.NotEmpty((await _engine.GenerateAsync("linked", new GenerationRequest { Prompts = [new PromptContent { Ids = [1] }] }))[0][0].Ids);
    }
}
