using Rudder.Engine.Registry;

namespace Rudder.Engine.Tests.Registry;

public sealed class LoadedModelTests
{
    private readonly LoadedModel _model = new()
    {
        Description = new ModelDescription("m", new ModelSource("m", "/"), "f", 16, 8),
        Generator = new BrokenGenerator(),
    };

    [Fact]
    public async Task DisposeAsync_GeneratorFailsToEnd_FreesTheRestAllTheSame()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await _model.DisposeAsync());

        Assert.Throws<ObjectDisposedException>(() => _model.Ended);            // the last that is freed
    }

    [Fact]
    public void Retire_CallsRun_IsIdleWhenTheLastHasLeft()
    {
        Assert.True(_model.TryEnter());
        Assert.True(_model.TryEnter());

        _model.Retire();

        Assert.False(_model.TryEnter());
        _model.Leave();
        Assert.False(_model.Idle.IsCompleted);
        _model.Leave();
        Assert.True(_model.Idle.IsCompleted);
    }

    private sealed class BrokenGenerator : IGenerator
    {
        public GeneratorInfo Info { get; } = new("f", 16, 8, 1, null);

        public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation) =>
            throw new NotSupportedException();

        public ValueTask DisposeAsync() => throw new InvalidOperationException("native fault");
    }
}
