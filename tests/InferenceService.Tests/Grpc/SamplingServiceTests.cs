using Grpc.Core;
using Rudder.Engine.Sampling;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class SamplingServiceTests(SharedService shared)
{
    private const int Eos = 511;
    private readonly RunningService _service = shared.Service;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Sample_Greedy_GivesTheGoldenIds(int row)
    {
        var reply = await _service.Sampling.SampleAsync(new SampleRequest
        {
            Model = SharedService.Ids,
            Prompts = { Golden.Prompt(Golden.Greedy[row][..5]) },
            Settings = new SamplerSettings { Temperature = 0, MaxNewTokens = 20 },
        });

        var completion = Assert.Single(reply.Completions);
        Assert.Equal(Golden.Greedy[row][5..], completion.Ids);
        Assert.Equal(Golden.Greedy[row][..5], completion.PromptIds);
        Assert.Equal(FinishReason.Length, completion.FinishReason);
        Assert.Equal("", completion.Text);
        Assert.Equal((5, 20), (reply.Usage.PromptTokens, reply.Usage.CompletionTokens));
        Assert.Equal(64, reply.Fingerprint.Length);
    }

    [Fact]
    public async Task Sample_SeveralPromptsAndSamples_AreInOrderWithDerivedSeeds()
    {
        var reply = await _service.Sampling.SampleAsync(Request(n: 3));

        Assert.Equal([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)], reply.Completions.Select(c => (c.PromptIndex, c.SampleIndex)));
        Assert.All(reply.Completions, c => Assert.Equal(CounterRandom.Derive(7, (uint)c.PromptIndex), c.Seed));
        Assert.NotEqual(reply.Completions[0].Ids, reply.Completions[1].Ids);
    }

    [Fact]
    public async Task Sample_LogProbs_AreThoseThatScoringGives()
    {
        var request = Request(n: 2);
        request.Logprobs = true;
        var reply = await _service.Sampling.SampleAsync(request);
        var scores = await _service.Scoring.LogProbsAsync(new LogProbsRequest
        {
            Model = SharedService.Ids,
            Sequences = { reply.Completions.Select(c => new Sequence { PromptIds = { c.PromptIds }, CompletionIds = { c.Ids } }) },
        });

        foreach (var (completion, score) in reply.Completions.Zip(scores.Results))
        {
            Assert.Equal(completion.Ids.Count, completion.TokenLogProbs.Count);
            Assert.Equal(completion.TokenLogProbs.Sum(x => (double)x), completion.SumLogProb, 1e-9);

            // Two graphs: decoding with a cache, and all positions at once; fp32 rounding differs.
            Assert.Equal(score.Sum, completion.SumLogProb, 1e-4 * completion.Ids.Count);
        }
    }

    [Fact]
    public async Task Sample_WithoutLogprobs_SendsOnlySums()
    {
        var reply = await _service.Sampling.SampleAsync(Request());

        Assert.All(reply.Completions, c => Assert.Empty(c.TokenLogProbs));
        Assert.All(reply.Completions, c => Assert.Empty(c.TopLogProbs));
        Assert.All(reply.Completions, c => Assert.True(c.SumLogProb < 0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public async Task Sample_TopLogprobs_BeginWithTheGreedyTokenAndFall(int count)
    {
        var reply = await _service.Sampling.SampleAsync(new SampleRequest
        {
            Model = SharedService.Ids,
            Prompts = { Golden.Prompt(Golden.Greedy[0][..5]) },
            Logprobs = true,
            TopLogprobs = count,
            Settings = new SamplerSettings { Temperature = 0, MaxNewTokens = 20 },
        });

        var completion = Assert.Single(reply.Completions);
        Assert.Equal(completion.Ids, completion.TopLogProbs.Select(top => top.Ids[0]));
        Assert.Equal(completion.TokenLogProbs, completion.TopLogProbs.Select(top => top.LogProbs[0]));
        Assert.All(completion.TopLogProbs, top =>
        {
            Assert.Equal((count, count), (top.Ids.Distinct().Count(), top.LogProbs.Count));
            Assert.Equal(top.LogProbs.OrderDescending(), top.LogProbs);
        });
    }

    [Fact]
    public async Task SampleStream_WithoutTopLogprobs_SendsNone()
    {
        using var call = _service.Sampling.SampleStream(Request());
        var events = await call.ResponseStream.ReadAllAsync().ToListAsync();

        Assert.All(events.Where(e => e.Token is not null), e => Assert.Null(e.Token.TopLogProbs));
    }

    [Fact]
    public async Task Sample_SameSeedInAnotherBatch_GivesTheSameIds()
    {
        var together = await _service.Sampling.SampleAsync(Request(n: 4));
        var alone = await _service.Sampling.SampleAsync(new SampleRequest
        {
            Model = SharedService.Ids,
            Prompts = { new Prompt(Golden.Prompt(Golden.InputIds[1][..6])) { Seed = together.Completions[4].Seed } },
            Settings = new SamplerSettings { MaxNewTokens = 12 },
        });

        Assert.Equal(together.Completions[4].Ids, Assert.Single(alone.Completions).Ids);
    }

    [Fact]
    public async Task Sample_StopId_EndsTheCompletionAndIsKept()
    {
        int stop = Golden.Greedy[0][9]; // 284, the fifth greedy id
        var reply = await _service.Sampling.SampleAsync(new SampleRequest
        {
            Model = SharedService.Ids,
            Prompts = { Golden.Prompt(Golden.Greedy[0][..5]) },
            Settings = new SamplerSettings { Temperature = 0, MaxNewTokens = 20, StopIds = { stop } },
        });

        Assert.Equal(Golden.Greedy[0][5..10], reply.Completions[0].Ids);
        Assert.Equal(FinishReason.Stop, reply.Completions[0].FinishReason);
    }

    [Fact]
    public async Task Sample_NothingSet_DrawsTheDocumentedDefaults()
    {
        var bare = await _service.Sampling.SampleAsync(new SampleRequest { Model = SharedService.Ids, Prompts = { Golden.Prompt(1, 2) } });
        var spelled = await _service.Sampling.SampleAsync(new SampleRequest
        {
            Model = SharedService.Ids,
            Prompts = { Golden.Prompt(1, 2) },
            N = 1,
            Settings = new SamplerSettings { Temperature = 1, TopK = 0, TopP = 1, MinP = 0, MaxNewTokens = 48, Seed = 0 },
        });

        Assert.Equal(spelled, bare);
    }

    [Fact]
    public async Task Sample_MaxNewTokensUnsetNearTheContext_TakesWhatIsLeft()
    {
        var reply = await _service.Sampling.SampleAsync(new SampleRequest
        {
            Model = SharedService.Ids,
            Prompts = { Golden.Prompt([.. Enumerable.Repeat(3, 60)]) },
            Settings = new SamplerSettings { Temperature = 0 },
        });

        Assert.True(reply.Completions[0].Ids.Count == 4 || reply.Completions[0].Ids[^1] == Eos);
    }

    [Fact]
    public async Task Sample_TextPrompt_GivesTextWithoutTheStopString()
    {
        var request = new SampleRequest
        {
            Model = SharedService.Text,
            Prompts = { new Prompt { Text = "The model" } },
            Settings = new SamplerSettings { Seed = 3, MaxNewTokens = 40 },
        };
        var whole = (await _service.Sampling.SampleAsync(request)).Completions[0];
        Assert.True(whole.Text.Length > 8);
        string stop = whole.Text[4..6];
        request.Settings.StopStrings.Add(stop);
        var cut = (await _service.Sampling.SampleAsync(request)).Completions[0];

        Assert.Equal(whole.Text[..whole.Text.IndexOf(stop, StringComparison.Ordinal)], cut.Text);
        Assert.Equal(FinishReason.Stop, cut.FinishReason);
        Assert.Equal(whole.Ids.Take(cut.Ids.Count), cut.Ids);
        Assert.True(cut.Ids.Count < whole.Ids.Count);
    }

    [Fact]
    public async Task SampleStream_SameRequest_GivesWhatSampleGives()
    {
        var request = Request(n: 3);
        request.Logprobs = true;
        request.TopLogprobs = 4;
        var expected = await _service.Sampling.SampleAsync(request);
        using var call = _service.Sampling.SampleStream(request);
        var events = await call.ResponseStream.ReadAllAsync().ToListAsync();

        var finished = events.Where(e => e.Finished is not null).Select(e => e.Finished).OrderBy(c => c.PromptIndex).ThenBy(c => c.SampleIndex);
        Assert.Equal(expected.Completions, finished);
        foreach (var completion in expected.Completions)
        {
            var tokens = events.Where(e => e.Token is { } t && t.PromptIndex == completion.PromptIndex && t.SampleIndex == completion.SampleIndex).Select(e => e.Token);
            Assert.Equal(completion.Ids, tokens.Select(t => t.Id));
            Assert.Equal(completion.TokenLogProbs, tokens.Select(t => t.LogProb));
            Assert.Equal(completion.TopLogProbs, tokens.Select(t => t.TopLogProbs));
        }

        Assert.Equal(expected.Usage, events[^1].End.Usage);
        Assert.Equal(expected.Fingerprint, events[^1].End.Fingerprint);
        Assert.Equal((Precision.Fp32, Precision.Fp32), (expected.Precision, events[^1].End.Precision));
        Assert.Single(events, e => e.End is not null);
        Assert.All(events.Where(e => e.Token is not null), e => Assert.Equal("", e.Token.Text)); // no tokenizer
    }

    [Fact]
    public async Task SampleStream_ModelWithTokenizer_TextsOfTokensMakeUpTheCompletion()
    {
        var request = new SampleRequest
        {
            Model = SharedService.Text,
            Prompts = { new Prompt { Text = "The model" } },
            N = 2,
            Settings = new SamplerSettings { Seed = 3, MaxNewTokens = 24, StopIds = { Eos } },
        };
        using var call = _service.Sampling.SampleStream(request);
        var events = await call.ResponseStream.ReadAllAsync().ToListAsync();

        foreach (var completion in events.Where(e => e.Finished is not null).Select(e => e.Finished))
        {
            string text = string.Concat(events.Where(e => e.Token is { } t && t.SampleIndex == completion.SampleIndex).Select(e => e.Token.Text));
            Assert.NotEmpty(text);
            Assert.StartsWith(text, completion.Text, StringComparison.Ordinal); // bytes of an unfinished character are missing at the end
        }
    }

    private static SampleRequest Request(int n = 1) => new()
    {
        Model = SharedService.Ids,
        Prompts = { Golden.Prompt(Golden.InputIds[0][..5]), Golden.Prompt(Golden.InputIds[1][..6]) },
        N = n,
        Settings = new SamplerSettings { Seed = 7, MaxNewTokens = 12 },
    };
}
