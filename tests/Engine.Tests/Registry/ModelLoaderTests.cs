using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Registry;

public sealed class ModelLoaderTests : IDisposable
{
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    [Fact]
    public async Task LoadAsync_MoreTokensThanTheContext_IsRefusedWithTheLimit()
    {
        await using var engine = new EngineHost(new EngineOptions { Threads = 1, MaxTokens = 65 });

        var fault = await Assert.ThrowsAsync<RequestFault>(() => engine.LoadAsync(new ModelSource("m", _model.Folder)));

        Assert.Equal(FaultKind.ModelUnusable, fault.Kind);
        Assert.Contains("MaxTokens is 65", fault.Message);
        Assert.Contains("64 positions", fault.Message);
    }

    [Theory]
    [InlineData(1)]                                          // before the files are read
    [InlineData(2)]                                          // after it
    public async Task LoadAsync_FolderLeavesItsPlace_IsRefusedAndNothingStaysLoaded(int failing)
    {
        int calls = 0;
        var source = new ModelSource("m", _model.Folder)
        {
            RequireInPlace = () =>
            {
                if (++calls == failing)
                {
                    throw new InvalidOperationException("elsewhere");
                }
            },
        };
        await using var engine = new EngineHost(new EngineOptions { Threads = 1, MaxSlots = 2 });

        await Assert.ThrowsAsync<InvalidOperationException>(() => engine.LoadAsync(source));

        Assert.Equal(failing, calls);
        Assert.Empty(engine.List());
    }
}
