using Rudder.Checkpoints;
using Rudder.Engine.Scoring;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Scoring;

public sealed class ClassifierEngineTests : IDisposable
{
    private readonly TinyModel _model = new("tiny-roberta");

    public void Dispose() => _model.Dispose();

    private ClassifierEngine Load(EngineOptions? options = null) => ClassifierEngine.Load(_model.Open(), options ?? new EngineOptions { Threads = 1 });

    private static IReadOnlyList<TextClassification> Classify(ClassifierEngine engine, IReadOnlyList<int[]> texts) =>
        engine.ClassifyAsync([.. texts.Select(engine.Windows)], "", CancellationToken.None).GetAwaiter().GetResult();

    private static IReadOnlyList<TextClassification> ClassifyIds(ClassifierEngine engine, IReadOnlyList<int[]> sequences) =>
        engine.ClassifyAsync([.. sequences.Select(ids => (int[][])[ids])], "", CancellationToken.None).GetAwaiter().GetResult();

    // Rows of another batch are summed in another order.
    private static bool Near(float a, float b) => MathF.Abs(a - b) <= 1e-5f;

    private static int[][] FixtureIds() =>
        [.. TinyModel.Expected("tiny-roberta").GetProperty("input_ids_unpadded").EnumerateArray().Select(TinyModel.Ids)];

    [Theory]
    [InlineData(2048)]
    [InlineData(12)]
    public void ClassifyIds_FixtureTexts_EqualsExpectedProbabilities(int maxScoringTokens)
    {
        using var engine = Load(new EngineOptions { Threads = 1, MaxScoringTokens = maxScoringTokens });
        var expected = TinyModel.Expected("tiny-roberta").GetProperty("probabilities");
        var results = ClassifyIds(engine, FixtureIds());
        for (int i = 0; i < results.Count; i++)
        {
            float[] values = [.. expected[i].EnumerateArray().Select(value => value.GetSingle())];
            Assert.Equal(values, results[i].Probabilities, (a, b) => MathF.Abs(a - b) <= 1e-5f);
        }
    }

    [Fact]
    public void Classify_IdsWithoutSpecialTokens_AddsThem()
    {
        using var engine = Load();
        int[] text = [10, 11, 12];
        Assert.Equal(
            ClassifyIds(engine, [[0, 10, 11, 12, 2]])[0].Probabilities,
            Classify(engine, [text])[0].Probabilities);
    }

    [Fact]
    public void Classify_LongerThanTheContext_IsTheMeanOfConsecutiveWindows()
    {
        using var engine = Load();
        int[] text = [.. Enumerable.Range(0, 150).Select(i => 5 + (i * 7 % 500))];
        var windows = text.Chunk(62).Select(window => (int[])[0, .. window, 2]).ToList();   // context 64
        var parts = ClassifyIds(engine, windows);
        var whole = Assert.Single(Classify(engine, [text]));
        Assert.Equal(3, whole.Windows);
        for (int label = 0; label < 2; label++)
        {
            Assert.Equal(parts.Average(part => part.Probabilities[label]), whole.Probabilities[label], 1e-6f);
        }
    }

    [Fact]
    public void Classify_EmptyText_IsOneWindowOfSpecialTokens()
    {
        using var engine = Load();
        var result = Assert.Single(Classify(engine, [[]]));
        Assert.Equal(1, result.Windows);
        Assert.Equal(1, result.Probabilities.Sum(), 1e-6f);
    }

    [Fact]
    public void Classify_WeightsThatAreNoNumbers_Fails()
    {
        _model.ScaleWeights(float.NaN);
        using var engine = Load();
        var e = Assert.Throws<EngineFailedException>(() => ClassifyIds(engine, [[0, 10, 2]]));
        Assert.IsType<InvalidLogitsException>(e.InnerException);
    }

    [Fact]
    public void Classify_RepeatedTexts_RunOnceEachAndGetTheirOwnResults()
    {
        using var engine = Load();
        int[] a = [10, 11, 12], b = [20, 21];
        var alone = (A: Classify(engine, [a])[0], B: Classify(engine, [b])[0]);
        long before = engine.WindowsRun;

        var results = Classify(engine, [a, b, [10, 11, 12], a, [20, 21]]);

        Assert.Equal(2, engine.WindowsRun - before);
        TextClassification[] expected = [alone.A, alone.B, alone.A, alone.A, alone.B];
        Assert.All(results.Zip(expected), pair => Assert.Equal(pair.Second.Probabilities, pair.First.Probabilities, Near));
    }

    [Fact]
    public async Task ClassifyAsync_ManyCallsAtOnce_EqualsEachAlone()
    {
        using var engine = Load();
        var random = new Random(4);
        int[][] texts = [.. Enumerable.Range(0, 48).Select(_ => Enumerable.Range(0, random.Next(0, 150)).Select(_ => random.Next(5, 500)).ToArray())];
        var alone = texts.Select(text => Classify(engine, [text])[0]).ToList();

        var calls = texts.Select(text => Task.Run(() => engine.ClassifyAsync([engine.Windows(text)], "", CancellationToken.None)));
        var results = await Task.WhenAll(calls).WaitAsync(TimeSpan.FromSeconds(60));

        for (int i = 0; i < texts.Length; i++)
        {
            var result = Assert.Single(results[i]);
            Assert.Equal(alone[i].Windows, result.Windows);
            Assert.Equal(alone[i].Probabilities, result.Probabilities, Near);
        }
    }

    [Fact]
    public async Task ClassifyAsync_TextsAndIds_AnswersInOrder()
    {
        using var engine = Load();
        var results = await engine.ClassifyAsync([[[0, 10, 11, 2]], engine.Windows([10, 11])], "", CancellationToken.None);
        Assert.Equal(results[0].Probabilities, results[1].Probabilities);
        Assert.Equal(1, engine.WindowsRun);                  // the text's window equals the ids
    }

    [Fact]
    public async Task ClassifyAsync_EngineDisposed_IsDraining()
    {
        var engine = Load();
        engine.Dispose();
        await Assert.ThrowsAsync<RequestFault>(() => engine.ClassifyAsync([engine.Windows([10])], "", CancellationToken.None));
    }

    [Fact]
    public void Labels_AreTheConfigsInOrder()
    {
        using var engine = Load();
        Assert.Equal(["NEGATIVE", "POSITIVE"], engine.Labels);
    }

    [Fact]
    public void Load_Int8_GivesNearlyTheSameProbabilities()
    {
        using var fp32 = Load();
        using var int8 = Load(new EngineOptions { Threads = 1, Precision = GraphPrecision.Int8 });
        var a = ClassifyIds(fp32, FixtureIds());
        var b = ClassifyIds(int8, FixtureIds());
        double meanError = a.Zip(b, (x, y) => Math.Abs(x.Probabilities[1] - y.Probabilities[1])).Average();
        Assert.InRange(meanError, 1e-8, 0.05);               // 8-bit weights and activations: near, and not the fp32 graph by mistake
    }
}
