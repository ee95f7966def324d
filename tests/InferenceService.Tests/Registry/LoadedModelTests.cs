using Rudder.InferenceService.Engines;
using Rudder.InferenceService.Options;
using Rudder.InferenceService.Registry;

namespace Rudder.InferenceService.Tests.Registry;

public sealed class LoadedModelTests
{
    [Fact]
    public async Task RetireAsync_GeneratorFailsToEnd_FreesTheScorerAllTheSame()
    {
        var scorer = new Scorer();
        var model = new LoadedModel
        {
            Name = "m",
            Source = new ModelSource("m", "/", EngineKind.Slots, GraphPrecision.Fp32),
            Fingerprint = "f",
            Vocabulary = 16,
            Context = 8,
            Generator = new BrokenGenerator(),
            Scorer = scorer,
        };

        await Assert.ThrowsAsync<InvalidOperationException>(() => model.RetireAsync(TimeSpan.FromSeconds(60), TimeProvider.System));

        Assert.True(scorer.Disposed);
    }

    private sealed class BrokenGenerator : IGenerator
    {
        public GeneratorInfo Info { get; } = new("f", 16, 8, 1, null);

        public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation) =>
            throw new NotSupportedException();

        public ValueTask DisposeAsync() => throw new InvalidOperationException("native fault");
    }

    private sealed class Scorer : ISequenceScorer
    {
        public bool Disposed { get; private set; }

        public int Context => 8;

        public int Vocabulary => 16;

        public IReadOnlyList<SequenceScore> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation) =>
            throw new NotSupportedException();

        public IReadOnlyList<SequenceDivergenceScore> Diverge(
            ISequenceScorer reference, IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation) => throw new NotSupportedException();

        public void Dispose() => Disposed = true;
    }
}
