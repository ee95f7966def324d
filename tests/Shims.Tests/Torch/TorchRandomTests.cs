using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Shims.Tests.Torch;

/// <summary>Random numbers repeat from a seed and from a saved state.</summary>
[Collection(TorchCollection.Name)]
public class TorchRandomTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    [Fact]
    public void ManualSeed_Twice_GivesTheSameNumbers()
    {
        manual_seed(7);
        float[] first = Draw();
        manual_seed(7);
        Assert.Equal(first, Draw());
        manual_seed(8);
        Assert.NotEqual(first, Draw());
    }

    [Fact]
    public void SetRngState_OfSavedState_ContinuesFromThere()
    {
        manual_seed(7);
        _ = Draw();
        Tensor saved = get_rng_state();
        float[] next = Draw();
        set_rng_state(saved);
        Assert.Equal(next, Draw());
    }

    [Fact]
    public void Generator_OfItsOwn_LeavesTheDefaultOneAlone()
    {
        manual_seed(7);
        float[] expected = Draw();
        manual_seed(7);
        using var own = new Generator(3);
        float[] first = rand(4, generator: own).data<float>().ToArray();
        Assert.Equal(expected, Draw());
        own.manual_seed(3);
        Assert.Equal(first, rand(4, generator: own).data<float>().ToArray());
        Assert.Equal(3, own.initial_seed());
    }

    [Fact]
    public void Multinomial_OfCertainEvent_DrawsIt() =>
        Assert.Equal([2L, 2, 2], tensor(new[] { 0f, 0, 1 }).multinomial(3, replacement: true).data<long>().ToArray());

    [Fact]
    public void Randint_InRange_StaysInIt()
    {
        Tensor drawn = randint(2, 5, new long[] { 1000 });
        Assert.Equal(2, drawn.min().item<long>());
        Assert.Equal(4, drawn.max().item<long>());
    }

    public void Dispose() => scope.Dispose();

    private static float[] Draw() => rand(4).data<float>().ToArray();
}
