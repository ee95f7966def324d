using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Shims.Tests.Torch;

/// <summary>Reductions, network operators and gradients: against results found by hand.</summary>
[Collection(TorchCollection.Name)]
public class TorchMathsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Tensor grid = tensor(new float[,] { { 1, 2, 3 }, { 4, 5, 6 } });

    [Fact]
    public void Reductions_OfGrid_MatchHandComputedValues()
    {
        Assert.Equal([5f, 7, 9], Floats(grid.sum(0L)));
        Close([2f, 5], grid.mean([1]));
        Close([3.5f], grid.mean());
        Close([1f, 1], grid.std([1L]));
        Close([MathF.Sqrt(91)], grid.norm());
        Assert.Equal([2L, 2], grid.argmax(1).data<long>().ToArray());
        (Tensor values, Tensor indexes) = grid.max(0);
        Assert.Equal([4f, 5, 6], Floats(values));
        Assert.Equal([1L, 1, 1], indexes.data<long>().ToArray());
        Assert.Equal([1f, 3, 6, 4, 9, 15], Floats(grid.cumsum(1)));
        Assert.True(grid.gt(0).all().item<bool>());
        Assert.False(grid.isnan().any().item<bool>());
    }

    [Fact]
    public void SortAndTopk_OfGrid_GiveValuesAndIndices()
    {
        (Tensor values, Tensor indices) = grid.topk(2);
        Assert.Equal([3f, 2, 6, 5], Floats(values));
        Assert.Equal([2L, 1, 2, 1], indices.data<long>().ToArray());
        Assert.Equal([3f, 2, 1, 6, 5, 4], Floats(grid.sort(-1, descending: true).Values));
    }

    [Fact]
    public void SoftmaxFamily_OfLogTwo_GivesThirds()
    {
        Tensor logits = tensor(new[] { 0f, MathF.Log(2) });
        Close([1f / 3, 2f / 3], logits.softmax(-1));
        Close([MathF.Log(1f / 3), MathF.Log(2f / 3)], functional.log_softmax(logits, -1));
        Close([MathF.Log(3)], logits.logsumexp(-1));
        Close([MathF.Log(1.5f)], functional.cross_entropy(logits.unsqueeze(0), tensor(new long[] { 1 })));
        Close([-MathF.Log(2)], functional.logsigmoid(zeros(1)));
        Close([0.5f], sigmoid(zeros(1)));
    }

    [Fact]
    public void CrossEntropy_IgnoredTarget_CountsOnlyTheOthers() =>
        Close([MathF.Log(3)], functional.cross_entropy(zeros(2, 3), tensor(new long[] { -100, 1 })));

    [Fact]
    public void Losses_ElementWise_MatchHandComputedValues()
    {
        Close([2.5f], functional.mse_loss(tensor(new[] { 1f, 2 }), zeros(2)));
        Close([MathF.Log(2)], functional.binary_cross_entropy_with_logits(zeros(3), ones(3)));
        Tensor half = full(2, MathF.Log(0.5f));
        Close([0f], functional.kl_div(half, half, reduction: Reduction.Sum));
        Close([1f], functional.smooth_l1_loss(tensor(new[] { 1.5f }), zeros(1)));
    }

    [Fact]
    public void Gelu_BothForms_DifferAsPublished()
    {
        // x Φ(x) at 1 is 0.8413447; the tanh form of arXiv:1606.08415 gives 0.8411920.
        Close([0.8413447f], functional.gelu(ones(1)));
        Close([0.8411920f], functional.gelu(ones(1), TorchSharp.Modules.GELU.Approximate.tanh));
    }

    [Fact]
    public void LayerNorm_OfRow_HasMeanZeroAndVarianceOne() =>
        Close([-1.2247356f, 0, 1.2247356f], functional.layer_norm(tensor(new[] { 1f, 2, 3 }), [3]));

    [Fact]
    public void LinearMatmulBmmEinsum_OnTheSameFactors_Agree()
    {
        Tensor product = tensor(new float[,] { { 14, 32 }, { 32, 77 } });
        Close(Floats(product), functional.linear(grid, grid));
        Close(Floats(product), grid.matmul(grid.t()));
        Close(Floats(product), grid.unsqueeze(0).bmm(grid.t().unsqueeze(0)));
        Close(Floats(product), einsum("ik,jk->ij", grid, grid));
    }

    [Fact]
    public void TrilTriuOneHotPad_HaveTheirPatterns()
    {
        Assert.Equal([1f, 0, 1, 1], Floats(tril(ones(2, 2))));
        Assert.Equal([0f, 1, 0, 0], Floats(triu(ones(2, 2), 1)));
        Assert.Equal([0L, 0, 1, 1, 0, 0], functional.one_hot(tensor(new long[] { 2, 0 })).data<long>().ToArray());
        Assert.Equal([9f, 1, 9, 9], Floats(functional.pad(ones(1), [1, 2], value: 9)));
    }

    [Fact]
    public void Dropout_InTraining_KeepsTheExpectation()
    {
        manual_seed(1);
        Tensor dropped = functional.dropout(ones(100_000), 0.25);
        Assert.Equal(1.0, dropped.mean().item<float>(), 0.01); // standard error 0.002
        Assert.Equal([1f, 1], Floats(functional.dropout(ones(2), 0.5, training: false)));
    }

    [Fact]
    public void Backward_OfPolynomial_GivesItsDerivative()
    {
        Tensor x = tensor(new[] { 1f, 2 }).requires_grad_();
        (x.pow(3) + (2 * x)).sum().backward();
        Close([5f, 14], x.grad);
        (x * x).sum().backward();
        Close([7f, 18], x.grad); // gradients add up
    }

    [Fact]
    public void AutogradGrad_Twice_GivesTheSecondDerivative()
    {
        Tensor x = tensor(new[] { 3f }).requires_grad_();
        Tensor first = autograd.grad([x.pow(3).sum()], [x], create_graph: true)[0];
        Close([27f], first);
        Close([18f], autograd.grad([first.sum()], [x])[0]);
    }

    [Fact]
    public void NoGrad_AndInferenceMode_EndWithTheirBlocks()
    {
        Tensor x = ones(2).requires_grad_();
        using (no_grad())
        {
            Assert.False((x * 2).requires_grad);
            using (enable_grad())
            {
                Assert.True((x * 2).requires_grad);
            }
        }

        using (inference_mode())
        {
            Assert.False((x * 2).requires_grad);
        }

        Assert.True((x * 2).requires_grad);
        Assert.False(x.detach().requires_grad);
    }

    [Fact]
    public void SetNumThreads_IsRespected()
    {
        int before = get_num_threads();
        set_num_threads(1);
        Assert.Equal(1, get_num_threads());
        set_num_threads(before);
    }

    public void Dispose() => scope.Dispose();

    private static float[] Floats(Tensor t) => t.data<float>().ToArray();

    private static void Close(float[] expected, Tensor actual)
    {
        float[] values = actual.numel() == 1 ? [actual.item<float>()] : Floats(actual);
        Assert.Equal(expected.Length, values.Length);
        Assert.All(expected.Zip(values), pair => Assert.Equal(pair.First, pair.Second, 1e-5f * Math.Max(1, Math.Abs(pair.First))));
    }
}
