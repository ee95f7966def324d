using Rudder.Engine.Kernels;
using Rudder.Engine.Sampling;
using Rudder.Engine.Scoring;

namespace Rudder.Engine.Tests.Scoring;

public sealed class LogitRowsTests : IDisposable
{
    private const int Rows = 57, Vocabulary = 1003;
    private readonly NativeBuffer<float> _model = Filled(1);
    private readonly NativeBuffer<float> _reference = Filled(2);
    private readonly int[] _ids = [.. Enumerable.Range(0, Rows).Select(i => i * 17 % Vocabulary)];

    public void Dispose()
    {
        _model.Dispose();
        _reference.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void LogProbs_AnyNumberOfThreads_EqualsRowByRowToTheBit(int threads)
    {
        int[] tops = [.. _ids.Select((_, i) => i % 3)];
        float[] expected = [.. _ids.Select((id, i) => LogitMath.LogProb(Row(_model, i), id))];

        var rows = LogitRows.LogProbs(_model, Vocabulary, _ids, tops, threads);

        Assert.Equal(expected, rows.Select(row => row.LogProb));
        Assert.Equal(tops, rows.Select(row => row.Top?.Length ?? 0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Divergences_AnyNumberOfThreads_EqualsRowByRowToTheBit(int threads)
    {
        RowDivergence[] expected = [.. _ids.Select((id, i) =>
        {
            double p = LogitMath.LogSumExp(Row(_model, i));
            double q = LogitMath.LogSumExp(Row(_reference, i));
            return new RowDivergence(LogitMath.KlDivergence(Row(_model, i), Row(_reference, i), p, q), Row(_model, i)[id] - p, Row(_reference, i)[id] - q);
        })];
        Assert.Equal(expected, LogitRows.Divergences(_model, _reference, Vocabulary, _ids, threads));
    }

    private static Span<float> Row(NativeBuffer<float> logits, int row) => logits.Span((long)row * Vocabulary, Vocabulary);

    private static NativeBuffer<float> Filled(int seed)
    {
        var random = new Random(seed);
        var logits = new NativeBuffer<float>((long)Rows * Vocabulary);
        foreach (ref float logit in logits.Span(0, Rows * Vocabulary))
        {
            logit = (float)((random.NextDouble() * 12) - 6);
        }

        return logits;
    }
}
