using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Shims.Tests.Torch;

/// <summary>Dispose scopes end what was made in them, and only that.</summary>
[Collection(TorchCollection.Name)]
public class TorchScopeTests
{
    [Fact]
    public void Dispose_OfScope_EndsItsTensors()
    {
        Tensor inside;
        using (DisposeScope scope = NewDisposeScope())
        {
            inside = ones(2, 2);
            Assert.Equal(1, scope.DisposablesCount);
        }

        Assert.Throws<InvalidOperationException>(() => inside.sum());
    }

    [Fact]
    public void MoveToOuterDisposeScope_OfInnerTensor_LivesUntilTheOuterEnds()
    {
        Tensor moved;
        using (DisposeScope outer = NewDisposeScope())
        {
            using (NewDisposeScope())
            {
                moved = (ones(2, 2) + 1).MoveToOuterDisposeScope();
            }

            Assert.Equal(8f, moved.sum().item<float>());
            Assert.True(outer.Contains(moved));
        }

        Assert.Throws<InvalidOperationException>(() => moved.sum());
    }

    [Fact]
    public void DetachFromDisposeScope_OfTensor_OutlivesEveryScope()
    {
        Tensor kept;
        using (NewDisposeScope())
        {
            kept = ones(3).DetachFromDisposeScope();
        }

        using (kept)
        {
            Assert.Equal([1f, 1f, 1f], kept.data<float>().ToArray());
        }
    }

    [Fact]
    public void Attach_OfOuterTensor_EndsWithTheInnerScope()
    {
        Tensor attached = ones(2);
        using (DisposeScope scope = NewDisposeScope())
        {
            scope.Attach(attached);
        }

        Assert.Throws<InvalidOperationException>(() => attached.sum());
    }

    [Fact]
    public void TotalCount_AfterScope_IsAsBefore()
    {
        long before = Tensor.TotalCount;
        using (NewDisposeScope())
        {
            _ = ones(2) + 1;
            Assert.True(Tensor.TotalCount >= before + 2);
        }

        Assert.True(Tensor.TotalCount <= before);
    }
}
