using Rudder.Checkpoints;
using Rudder.Engine.Registry;

namespace Rudder.Engine.Tests.Registry;

public sealed class LoadedModelTests
{
    [Fact]
    public async Task RetireAsync_GeneratorFailsToEnd_FreesTheRestAllTheSame()
    {
        var model = Model(new BrokenGenerator());

        await Assert.ThrowsAsync<InvalidOperationException>(() => model.RetireAsync(TimeSpan.FromSeconds(60), TimeProvider.System));

        Assert.Throws<ObjectDisposedException>(() => model.Ended);             // the last that is freed
    }

    [Fact]
    public async Task RetireAsync_AskedTwice_FreesTheEnginesOnce()
    {
        var generator = new CountingGenerator();
        var model = Model(generator);
        Assert.True(model.TryEnter());

        var first = model.RetireAsync(TimeSpan.FromSeconds(60), TimeProvider.System);
        var second = model.RetireAsync(TimeSpan.FromSeconds(60), TimeProvider.System);
        Assert.False(model.TryEnter());
        model.Leave();

        Assert.True((await first).InTime);
        Assert.True((await second).InTime);
        Assert.Equal(1, generator.Disposals);
    }

    private static LoadedModel Model(IGenerator generator) => new()
    {
        Name = "m",
        Source = new ModelSource("m", "/", EngineKind.Slots, GraphPrecision.Fp32),
        Fingerprint = "f",
        Vocabulary = 16,
        Context = 8,
        Generator = generator,
    };

    private sealed class CountingGenerator : IGenerator
    {
        private int _disposals;

        public int Disposals => _disposals;

        public GeneratorInfo Info { get; } = new("f", 16, 8, 1, null);

        public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation) =>
            throw new NotSupportedException();

        public ValueTask DisposeAsync()
        {
            Interlocked.Increment(ref _disposals);
            return ValueTask.CompletedTask;
        }
    }

    private sealed class BrokenGenerator : IGenerator
    {
        public GeneratorInfo Info { get; } = new("f", 16, 8, 1, null);

        public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation) =>
            throw new NotSupportedException();

        public ValueTask DisposeAsync() => throw new InvalidOperationException("native fault");
    }
}
