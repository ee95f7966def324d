using Rudder.Engine.Generation;
using Rudder.Engine.Scoring;
using Rudder.Engine.Tests.Support;
using Rudder.Tests;

namespace Rudder.Engine.Tests.Generation;

/// <summary>The most probable tokens of each place, of every engine, against a full log-softmax and sort of the logits.</summary>
public sealed class TopLogProbsTests : IDisposable
{
    private const int Count = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly EngineOptions Options = new() { Threads = 1, MaxSlots = 4 };
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    // The raw distribution, whatever the draw is made from.
    [Theory]
    [InlineData(1f, 0)]
    [InlineData(0f, 0)]
    [InlineData(0.7f, 3)]
    public async Task SlotEngine_FixturePrompts_TellTheHeadOfTheGoldenLogits(float temperature, int topK)
    {
        await using var engine = SlotEngine.Load(_model.Open(), Options, 511);
        await AssertGoldenAsync(engine, new SamplingParameters(temperature, topK));
    }

    [Theory]
    [InlineData(1f, 0)]
    [InlineData(0.7f, 3)]
    public async Task GenAiEngine_FixturePrompts_TellTheHeadOfTheGoldenLogits(float temperature, int topK)
    {
        await using var engine = GenAiEngine.Load(_model.Open(), Options, 511);
        await AssertGoldenAsync(engine, new SamplingParameters(temperature, topK));
    }

    [Fact]
    public void LogProbEngine_FixturePrompts_TellTheHeadOfTheGoldenLogits()
    {
        using var engine = LogProbEngine.Load(_model.Open(), Options);
        var cases = GoldenCases();

        var scores = engine.Score([.. cases.Select(golden => new ScoredSequence(golden.Prompt, [0]) { TopLogProbs = Count })], CancellationToken.None);

        Assert.All(cases.Zip(scores), pair => AssertIs(ReferenceRanking.Of(pair.First.Logits, Count), Assert.Single(pair.Second.Top!)));
    }

    [Fact]
    public void LogProbEngine_SomeSequencesAsk_OnlyTheyAreTold()
    {
        // 1 MiB holds 512 positions; 40 tokens hold about two sequences, so the work is cut into several runs.
        using var engine = LogProbEngine.Load(_model.Open(), new EngineOptions { Threads = 2, MaxScoringTokens = 40, MaxScoringMegabytes = 1 });
        ScoredSequence[] sequences = [.. Enumerable.Range(0, 9).Select(i => new ScoredSequence(
            [i], [.. Enumerable.Range(0, 5 + i).Select(place => ((i * 31) + (place * 7)) % 512)]) { TopLogProbs = i % 3 })];

        var scores = engine.Score(sequences, CancellationToken.None);

        for (int i = 0; i < sequences.Length; i++)
        {
            Assert.Equal(i % 3 == 0, scores[i].Top is null);
            Assert.All(scores[i].Top ?? [], top => Assert.Equal(i % 3, top.Length));
            Assert.Equal(i % 3 == 0 ? 0 : sequences[i].CompletionIds.Length, scores[i].Top?.Count ?? 0);

            // The most probable token is at least as probable as the given one.
            Assert.All((scores[i].Top ?? []).Zip(scores[i].TokenLogProbs), place => Assert.True(place.First[0].LogProb >= place.Second));
        }
    }

    [Fact]
    public async Task SlotEngine_RowsThatAskAndRowsThatDoNot_EachGetTheirOwn()
    {
        const int vocabulary = 16;
        int[] asked = [0, 1, 5, 20];
        List<DrawnToken>[] told = [.. asked.Select(_ => new List<DrawnToken>())];
        await using var engine = new SlotEngine(new FakeDecoder(slots: 8, vocabulary: vocabulary), new EngineOptions { Threads = 2 });
        PromptRequest[] prompts = [.. asked.Select((count, i) => new PromptRequest
        {
            PromptIds = [i, 3], MaxNewTokens = 12, Seed = (uint)i, TopLogProbs = count, OnToken = told[i].Add,
        })];

        var results = await engine.GenerateAsync(new GenerationBatch(prompts), CancellationToken.None).WaitAsync(Patience);

        Assert.Null(results[0][0].Top);
        Assert.All(told[0], token => Assert.Null(token.Top));
        for (int i = 1; i < asked.Length; i++)
        {
            var sequence = results[i][0];
            Assert.Equal(sequence.Ids.Length, sequence.Top!.Count);
            Assert.Equal(sequence.Top, told[i].Select(token => token.Top!));
            for (int place = 0; place < sequence.Ids.Length; place++)
            {
                float[] logits = Logits(vocabulary, [.. prompts[i].PromptIds, .. sequence.Ids[..place]]);
                AssertIs(ReferenceRanking.Of(logits, asked[i]), sequence.Top[place]);
            }
        }
    }

    /// <summary>What <see cref="FakeDecoder"/> gives after these tokens.</summary>
    private static float[] Logits(int vocabulary, int[] tokens)
    {
        using var decoder = new FakeDecoder(vocabulary: vocabulary);
        decoder.Prefill([tokens], 0);
        return decoder.Logits(0).ToArray();
    }

    private static async Task AssertGoldenAsync(IGenerator engine, SamplingParameters parameters)
    {
        foreach (var (prompt, logits) in GoldenCases())
        {
            var request = new PromptRequest { PromptIds = prompt, MaxNewTokens = 1, Parameters = parameters, TopLogProbs = Count };
            var results = await engine.GenerateAsync(new GenerationBatch([request], 3), CancellationToken.None).WaitAsync(Patience);

            var sequence = Assert.Single(results[0]);
            var top = Assert.Single(sequence.Top!);
            AssertIs(ReferenceRanking.Of(logits, Count), top);
            Assert.All(top.Where(token => token.Id == sequence.Ids[0]), token => Assert.Equal(sequence.LogProbs[0], token.LogProb));
        }
    }

    private static List<(int[] Prompt, float[] Logits)> GoldenCases()
    {
        var expected = TinyModel.Expected("tiny-gpt2");
        var prompts = expected.GetProperty("input_ids").EnumerateArray().Select(TinyModel.Ids);
        var logits = expected.GetProperty("logits_last_position").EnumerateArray()
            .Select(row => row.EnumerateArray().Select(value => value.GetSingle()).ToArray());
        return [.. prompts.Zip(logits)];
    }

    private static void AssertIs((int Id, double LogProb)[] expected, RankedToken[] top)
    {
        Assert.Equal(expected.Select(token => token.Id), top.Select(token => token.Id));

        // Two programs' fp32 sums of the same model.
        Assert.All(expected.Zip(top), pair => Assert.Equal(pair.First.LogProb, pair.Second.LogProb, 1e-4));
    }
}
