using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Models;

public sealed class MatrixProductsTests : IDisposable
{
    private const float Fine = 1 + (1f / 1024); // bf16 keeps 8 bits and rounds it to 1
    private readonly IDisposable _scope = NewDisposeScope();
    private readonly MatrixProducts _products = new() { Bf16 = true };

    [Theory]
    [InlineData(false, Fine * Fine)]
    [InlineData(true, 1)]
    public void Affine_ValuesFinerThanBf16_AreRoundedOnlyInBf16(bool bf16, float expected)
    {
        _products.Bf16 = bf16;
        Tensor result = _products.Affine(full([1, 1], Fine), Matrix(1, 1, Fine), nn.Parameter(zeros(1)));
        Assert.Equal(bf16 ? bfloat16 : float32, result.dtype);
        Assert.Equal(expected, result.to(float32).item<float>());
    }

    [Fact]
    public void Weight_OfUnchangedWeight_IsOneCopyForAllPasses()
    {
        Parameter weight = Matrix(2, 3, 0.5f);
        Assert.Same(_products.Weight(weight), _products.Weight(weight));
    }

    [Theory]
    [InlineData("adamw")]
    [InlineData("rmsprop")]
    [InlineData("fill")]
    public void Weight_OfChangedWeight_HoldsTheNewValues(string change)
    {
        Parameter weight = Matrix(2, 3, 0.5f);
        var named = new NamedParameter("w", weight);
        Tensor before = _products.Weight(weight);
        if (change == "fill")
        {
            NamedParameters.Fill(named, [1, 2, 3, 4, 5, 6]);
        }
        else
        {
            weight.grad = ones(2, 3);
            using IOptimizer optimizer = change == "adamw" ? new Trainer.Optimizers.AdamW([named], 0.9, 0.99, 1e-8, _ => 0) : new RmsProp([named], 0.99, 1e-8, _ => 0);
            optimizer.Step(0.25, 1);
        }

        Tensor after = _products.Weight(weight);
        Assert.NotSame(before, after);
        Assert.NotEqual(0.5f, NamedParameters.Values(after)[5]);
        Assert.Equal(NamedParameters.Values(weight.to(bfloat16)), NamedParameters.Values(after));
    }

    [Fact]
    public void Backward_TwoPassesOfOneCopy_AddsTheirGradientsInFp32()
    {
        Parameter weight = Matrix(1, 1, 1);
        Parameter bias = nn.Parameter(zeros(1));
        foreach (float input in new[] { 1f, 1f / 1024 })
        {
            _products.Affine(full([1, 1], input), weight, bias).sum().backward();
        }

        Assert.Equal(float32, weight.grad!.dtype);
        Assert.Equal(Fine, weight.grad!.item<float>()); // a bf16 sum would be 1
    }

    [Fact]
    public void Backward_CopyMadeByAnEvaluation_ReachesTheWeight()
    {
        Parameter weight = Matrix(2, 2, 1);
        Parameter bias = nn.Parameter(zeros(2));
        using (no_grad())
        {
            Assert.False(_products.Affine(ones(1, 2), weight, bias).requires_grad);
        }

        _products.Affine(ones(1, 2), weight, bias).sum().backward();

        Assert.Equal([1, 1, 1, 1], NamedParameters.Values(weight.grad!));
    }

    [Fact]
    public void Weight_AfterTheScopeOfItsFirstPass_IsAlive()
    {
        Parameter weight = Matrix(1, 1, 2);
        using (NewDisposeScope())
        {
            _products.Weight(weight);
        }

        Assert.Equal(2, _products.Weight(weight).to(float32).item<float>());
    }

    public void Dispose()
    {
        _products.Dispose();
        _scope.Dispose();
    }

    private static Parameter Matrix(long rows, long columns, float value) => nn.Parameter(full([rows, columns], value));
}
