using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Shims.Tests.Torch;

/// <summary>Values in and out, shapes, indexing, arithmetic: against results found by hand.</summary>
[Collection(TorchCollection.Name)]
public class TorchValueTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Tensor grid = tensor(new float[,] { { 1, 2, 3 }, { 4, 5, 6 } });

    [Fact]
    public void Tensor_FromRectangularArray_KeepsShapeAndOrder()
    {
        Assert.Equal([2L, 3L], grid.shape);
        Assert.Equal([1f, 2, 3, 4, 5, 6], Floats(grid));
        Assert.Equal(ScalarType.Float32, grid.dtype);
        Assert.Equal(6, tensor(new long[,,] { { { 6 } } }).item<long>());
    }

    [Fact]
    public void Data_OfTransposedView_IsInRowMajorOrder() => Assert.Equal([1f, 4, 2, 5, 3, 6], Floats(grid.t()));

    [Fact]
    public void Bytes_WrittenThrough_ChangeTheTensor()
    {
        System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(grid.bytes)[4] = 50;
        Assert.Equal(50f, grid[1, 1].item<float>());
    }

    [Fact]
    public void Index_NumbersSlicesAndTensors_PickWhatPythonPicks()
    {
        Assert.Equal([2f, 5], Floats(grid[TensorIndex.Colon, 1]));
        Assert.Equal([2f, 3, 5, 6], Floats(grid[TensorIndex.Ellipsis, 1..]));
        Assert.Equal([1f, 3], Floats(grid[0, TensorIndex.Slice(null, null, 2)]));
        Assert.Equal([6f], Floats(grid[TensorIndex.Single(-1), TensorIndex.Single(-1)]));
        Assert.Equal([2L, 1L, 3L], grid[TensorIndex.Colon, TensorIndex.Null].shape);
        Assert.Equal([3f, 1, 6, 4], Floats(grid[TensorIndex.Colon, tensor(new long[] { 2, 0 })]));
        Assert.Equal([5f, 6], Floats(grid[grid.gt(4)]));
    }

    [Fact]
    public void Index_Assigned_WritesInPlace()
    {
        grid[0, 1..] = zeros(2);
        grid[TensorIndex.Tensor(tensor(new long[] { 1 })), TensorIndex.Single(0)] = tensor(new float[] { 9 });
        Assert.Equal([1f, 0, 0, 9, 5, 6], Floats(grid));
    }

    [Fact]
    public void Operators_WithScalarsOnEitherSide_AreExact()
    {
        Assert.Equal([9f, 8, 7, 6, 5, 4], Floats(10 - grid));
        Assert.Equal([12f, 6, 4, 3, 2.4f, 2], Floats(12.0 / grid));
        Assert.Equal([3f, 5, 7, 9, 11, 13], Floats((2 * grid) + 1));
        Assert.Equal([0f, 1, 2, 3, 4, 5], Floats(-(1 - grid)));
        Assert.Equal([1f, 0, 1, 0, 1, 0], Floats(grid % 2));
        Assert.Equal([false, false, true, true, false, false], (grid.gt(2) & grid.lt(5)).data<bool>().ToArray());
    }

    [Fact]
    public void InPlace_AddSubMulDiv_ChangeTheSameTensor()
    {
        Tensor same = grid.add_(grid, 0.5).mul_(2).sub_(1).div_(2, RoundingMode.floor);
        Assert.Same(grid, same);
        Assert.Equal([1f, 2, 4, 5, 7, 8], Floats(grid));
    }

    [Fact]
    public void ChunkSplitCatStackUnbind_ComeBackToTheSameValues()
    {
        Assert.Equal(Floats(grid), Floats(cat(grid.split([1, 2], 1), 1)));
        Assert.Equal(Floats(grid), Floats(cat(grid.chunk(2))));
        Assert.Equal(Floats(grid), Floats(stack(grid.unbind())));
        Assert.Equal([4f, 1], Floats(grid.flip(0).split(1, 1)[0]));
    }

    [Fact]
    public void PermuteExpandRepeatSqueeze_GiveTheseShapes()
    {
        Assert.Equal([3L, 1L, 2L], grid.unsqueeze(1).permute(2, 1, 0).shape);
        Assert.Equal([4L, 2L, 3L], grid.expand(4, 2, 3).shape);
        Assert.Equal([4L, 3L], grid.repeat(2, 1).shape);
        Assert.Equal([2L, 3L], grid.unsqueeze(0).squeeze().shape);
        Assert.Equal([6L], grid.reshape(-1).shape);
    }

    [Fact]
    public void GatherSelectScatterWhere_FollowTheirIndices()
    {
        Tensor last = tensor(new long[,] { { 2 }, { 0 } });
        Assert.Equal([3f, 4], Floats(grid.gather(1, last)));
        Assert.Equal([4f, 5, 6], Floats(grid.index_select(0, tensor(new long[] { 1 }))));
        Assert.Equal([0f, 0, 1, 1, 0, 0], Floats(zeros(2, 3).scatter(1, last, ones(2, 1))));
        Assert.Equal([1f, 2, 3, -1, -1, -1], Floats(where(grid.le(3), grid, full_like(grid, -1))));
        Assert.Equal([7f, 2, 3, 4, 5, 7], Floats(grid.masked_fill(grid.eq(1) | grid.ge(6), 7)));
    }

    [Fact]
    public void To_OtherTypes_Converts()
    {
        Assert.Equal([1L, 2, 3, 4, 5, 6], grid.to(int64).data<long>().ToArray());
        Assert.Equal(1.1, tensor(1.1).item<double>());
        Assert.Equal(3, (tensor(7) / 2).to(int64).item<long>());
        Assert.Equal([0.5f, 1.5f], Floats(tensor(new[] { 0.5, 1.5 }, float32)));
    }

    [Fact]
    public void Arange_WholeNumbers_IsInt64() => Assert.Equal([2L, 5, 8], arange(2, 9, 3).data<long>().ToArray());

    public void Dispose() => scope.Dispose();

    private static float[] Floats(Tensor t) => t.data<float>().ToArray();
}
