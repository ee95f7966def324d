using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Shims.Tests.Torch;

/// <summary>What goes wrong in native code arrives as an exception with libtorch's own words.</summary>
[Collection(TorchCollection.Name)]
public class TorchErrorTests
{
    [Fact]
    public void Matmul_ShapesDiffer_ThrowsLibtorchsFirstLine()
    {
        TorchStandIn.Require(); // the genuine 0.107.0 ends the process here
        using DisposeScope scope = NewDisposeScope();
        var error = Assert.Throws<ExternalException>(() => ones(2, 2).matmul(ones(3, 3)));
        Assert.Equal("mat1 and mat2 shapes cannot be multiplied (2x2 and 3x3)", error.Message);
    }

    [Fact]
    public void Backward_ThroughForeignExceptions_CanBeFollowedByAGoodCall()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Throws<ExternalException>(() => ones(2, 2).backward());
        Assert.Equal(4f, ones(2, 2).sum().item<float>());
    }

    [Fact]
    public void Use_AfterDispose_SaysSo()
    {
        Tensor gone = ones(2, 2);
        gone.Dispose();
        gone.Dispose();
        Assert.Contains("disposed", Assert.Throws<InvalidOperationException>(() => gone.sum()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Item_OfAnotherType_IsRefused()
    {
        using Tensor value = tensor(1.5f);
        Assert.Throws<ArgumentException>(() => value.item<double>());
    }

    [Fact]
    public void Cuda_WhereNoneIs_IsRefusedByName()
    {
        Assert.SkipWhen(cuda.is_available(), "this machine has CUDA");
        using DisposeScope scope = NewDisposeScope();
        Assert.ThrowsAny<Exception>(() => ones(2, 2).to("cuda"));
        Assert.Throws<ArgumentException>(() => device("gpu"));
    }
}
