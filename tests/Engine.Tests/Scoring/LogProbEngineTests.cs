using Microsoft.ML.OnnxRuntime;
using Rudder.Engine.Scoring;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Scoring;

public sealed class LogProbEngineTests : IDisposable
{
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    private LogProbEngine Load(EngineOptions? options = null) => LogProbEngine.Load(_model.Open(), options ?? new EngineOptions { Threads = 1 });

    private static TinyModel ScaledModel()
    {
        var model = new TinyModel("tiny-gpt2");
        model.ScaleWeights(0.5f);
        return model;
    }

    private static ScoredSequence[] RandomSequences(int count)
    {
        var random = new Random(3);
        return [.. Enumerable.Range(0, count).Select(_ => new ScoredSequence(
            [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(512))],
            [.. Enumerable.Range(0, random.Next(0, 30)).Select(_ => random.Next(512))]))];
    }

    [Fact]
    public void Score_FixtureTexts_EqualsExpectedTokenLogProbs()
    {
        var expected = TinyModel.Expected("tiny-gpt2");
        using var engine = Load();
        int[][] texts = [.. expected.GetProperty("input_ids").EnumerateArray().Select(TinyModel.Ids)];
        var scores = engine.Score([.. texts.Select(ids => new ScoredSequence(ids[..1], ids[1..]))], CancellationToken.None);
        for (int i = 0; i < texts.Length; i++)
        {
            double[] values = [.. expected.GetProperty("token_log_probs")[i].EnumerateArray().Select(value => value.GetDouble())];
            Assert.Equal(values, scores[i].TokenLogProbs.Select(value => (double)value), (a, b) => Math.Abs(a - b) <= 1e-5);
            Assert.Equal(values.Sum(), scores[i].Sum, 1e-4);
        }
    }

    [Fact]
    public void Score_SmallBatchesAndChunks_EqualsOneBatch()
    {
        var sequences = RandomSequences(30);
        using var whole = Load();
        // 1 MiB holds 512 positions of 512 logits; 40 tokens hold one or two sequences.
        using var split = Load(new EngineOptions { Threads = 1, MaxScoringTokens = 40, MaxScoringMegabytes = 1 });
        var a = whole.Score(sequences, CancellationToken.None);
        var b = split.Score(sequences, CancellationToken.None);
        for (int i = 0; i < sequences.Length; i++)
        {
            Assert.Equal(sequences[i].CompletionIds.Length, a[i].TokenLogProbs.Length);
            Assert.Equal(a[i].TokenLogProbs, b[i].TokenLogProbs, (x, y) => MathF.Abs(x - y) <= 1e-5f);
        }
    }

    [Fact]
    public void Of_SeveralRows_PadsOnTheRight()
    {
        var chunk = ScoringChunk.Of([new([1], [2, 3, 4]), new([5, 6], [7]), new([8], [])], [0, 1, 2]);
        Assert.Equal((3, 3), (chunk.Rows, chunk.Width));
        Assert.Equal([1, 2, 3, 5, 6, 0, 8, 0, 0], chunk.Ids);
        Assert.Equal([0, 1, 2, 4], chunk.Positions);
        Assert.Equal([2, 3, 4, 7], chunk.Targets);
        Assert.Equal([0, 0, 0, 1], chunk.Places.Select(place => place.Sequence));
        Assert.Equal([0, 1, 2, 0], chunk.Places.Select(place => place.Place));
    }

    // So many positions at a time: the tokens of a batch bound its positions too.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Score_OneSequenceInSeveralParts_EqualsOnePart(int positions)
    {
        var sequences = RandomSequences(8);
        using var whole = Load();
        using var split = Load(new EngineOptions { Threads = 1, MaxScoringTokens = positions });
        var expected = whole.Score(sequences, CancellationToken.None);
        var scores = split.Score(sequences, CancellationToken.None);
        for (int i = 0; i < sequences.Length; i++)
        {
            Assert.Equal(expected[i].TokenLogProbs, scores[i].TokenLogProbs, (x, y) => MathF.Abs(x - y) <= 1e-5f);
        }
    }

    [Fact]
    public void Score_CompletionLongerThanTheLogitsHold_GoesThroughTheModelOnce()
    {
        using var engine = Load(new EngineOptions { Threads = 1, MaxScoringTokens = 1 });
        var chunk = ScoringChunk.Of([new([1, 2], [3, 4, 5, 6, 7])], [0]);
        Assert.Equal([1, 2, 3, 4, 5, 6], chunk.Ids);         // the last token predicts nothing
        Assert.Equal([1, 2, 3, 4, 5], chunk.Positions);
        var score = Assert.Single(engine.Score([new([1, 2], [3, 4, 5, 6, 7])], CancellationToken.None));
        Assert.Equal(1, engine.Runs);
        Assert.Equal(5, score.TokenLogProbs.Length);
    }

    [Fact]
    public void Score_EmptyCompletionsOnly_RunNothing()
    {
        using var engine = Load();
        Assert.All(engine.Score([new([1], []), new([2, 3], [])], CancellationToken.None), score => Assert.Empty(score.TokenLogProbs));
        Assert.Equal(0, engine.Runs);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Diverge_CompletionLongerThanTheLogitsHold_EqualsOnePart(int positions)
    {
        var sequences = RandomSequences(8);
        using var reference = ScaledModel();
        using var whole = Load();
        using var split = Load(new EngineOptions { Threads = 1, MaxScoringTokens = positions });
        using var other = LogProbEngine.Load(reference.Open(), new EngineOptions { Threads = 1 });
        var expected = whole.Diverge(other, sequences, CancellationToken.None);
        Assert.Contains(expected, score => score.KlExact > 0.01);
        Assert.All(split.Diverge(other, sequences, CancellationToken.None).Zip(expected), pair => Assert.Equal(pair.Second.KlExact, pair.First.KlExact, 1e-5));
    }

    [Fact]
    public void ScoringBytes_AThousandSequences_StayAtTheStatedBound()
    {
        const long Bound = 1 << 20;                          // MaxScoringMegabytes
        var options = new EngineOptions { Threads = 2, MaxScoringMegabytes = 1 };
        using var engine = Load(options);
        using var reference = Load(options);
        Assert.Equal(0, engine.ScoringBytes);

        engine.Score(RandomSequences(10), CancellationToken.None);
        Assert.InRange(engine.ScoringBytes, 1, Bound);
        long held = engine.ScoringBytes;
        engine.Score(RandomSequences(1000), CancellationToken.None);
        Assert.Equal(held, engine.ScoringBytes);

        engine.Diverge(reference, RandomSequences(1000), CancellationToken.None);
        Assert.Equal((2 * held, 0L), (engine.ScoringBytes, reference.ScoringBytes));
    }

    [Fact]
    public void Score_EmptyCompletion_IsZero()
    {
        using var engine = Load();
        var score = Assert.Single(engine.Score([new ScoredSequence([1], [])], CancellationToken.None));
        Assert.Equal(0, score.Sum);
        Assert.Empty(score.TokenLogProbs);
    }

    [Fact]
    public void ScoreAndDiverge_WeightsThatAreNoNumbers_Fail()
    {
        using var damaged = new TinyModel("tiny-gpt2");
        damaged.ScaleWeights(float.NaN);
        using var good = Load();
        using var bad = LogProbEngine.Load(damaged.Open(), new EngineOptions { Threads = 1 });
        ScoredSequence[] sequences = [new([1, 2], [3, 4])];
        Action[] calls =
        [
            () => bad.Score(sequences, CancellationToken.None),
            () => bad.Diverge(good, sequences, CancellationToken.None),
            () => good.Diverge(bad, sequences, CancellationToken.None),
        ];
        Assert.All(calls, call => Assert.IsType<InvalidLogitsException>(Assert.Throws<EngineFailedException>(call).InnerException));
    }

    [Fact]
    public void Diverge_SameModel_IsZero()
    {
        using var engine = Load();
        Assert.All(engine.Diverge(engine, RandomSequences(5), CancellationToken.None), score =>
        {
            Assert.Equal(0, score.KlExact, 1e-9);
            Assert.Equal(0, score.KlK1, 1e-9);
        });
    }

    [Fact]
    public void Diverge_TwoModels_EqualsDoublePrecisionOverWholeVocabulary()
    {
        using var perturbed = new TinyModel("tiny-gpt2");
        perturbed.ScaleWeights(1.1f);
        using var model = Load();
        using var reference = LogProbEngine.Load(perturbed.Open(), new EngineOptions { Threads = 1 });
        var sequences = RandomSequences(12);
        var scores = model.Diverge(reference, sequences, CancellationToken.None);
        for (int i = 0; i < sequences.Length; i++)
        {
            var (kl, k1) = SlowDivergence(_model, perturbed, sequences[i]);
            Assert.Equal(kl, scores[i].KlExact, 1e-5 * Math.Max(1, kl));
            Assert.Equal(k1, scores[i].KlK1, 1e-4);          // a sum of 30 float32 log-probs
            Assert.Equal(scores[i].ModelLogProb - scores[i].ReferenceLogProb, scores[i].KlK1, 1e-9);
            Assert.Equal(sequences[i].CompletionIds.Length, scores[i].Tokens);
        }
    }

    private static (double Kl, double K1) SlowDivergence(TinyModel model, TinyModel reference, ScoredSequence sequence)
    {
        double[][] p = AllLogProbs(model, sequence);
        double[][] q = AllLogProbs(reference, sequence);
        double kl = p.Zip(q, (a, b) => a.Zip(b, (x, y) => Math.Exp(x) * (x - y)).Sum()).Sum();
        double k1 = sequence.CompletionIds.Select((id, place) => p[place][id] - q[place][id]).Sum();
        return (kl, k1);
    }

    private static double[][] AllLogProbs(TinyModel model, ScoredSequence sequence)
    {
        using var session = new InferenceSession(model.Graph("logprobs.onnx"));
        long[] ids = [.. sequence.PromptIds.Concat(sequence.CompletionIds).Select(id => (long)id)];
        long[] positions = [.. Enumerable.Range(sequence.PromptIds.Length - 1, sequence.CompletionIds.Length).Select(t => (long)t)];
        if (positions.Length == 0)
        {
            return [];
        }

        using var idsValue = OrtValue.CreateTensorValueFromMemory(ids, [1, ids.Length]);
        using var positionsValue = OrtValue.CreateTensorValueFromMemory(positions, [positions.Length]);
        using var options = new RunOptions();
        using var outputs = session.Run(options, ["input_ids", "positions"], [idsValue, positionsValue], ["logits"]);
        return [.. outputs[0].GetTensorDataAsSpan<float>().ToArray().Chunk(512).Select(row =>
        {
            double logSum = Math.Log(row.Sum(x => Math.Exp(x)));
            return row.Select(x => x - logSum).ToArray();
        })];
    }
}
