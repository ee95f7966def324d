using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Models;

public sealed class SeededDropoutTests
{
    // The first outputs of SplitMix64 at seed 0 are E220A8397B1DCDAF, 6E789E6AA1B965F4, 06C45D188009454F, F88BB8A8724C81EC; low halves come first.
    [Fact]
    public void Fill_KeyZero_IsSplitMix64()
    {
        float[] mask = new float[8];
        SeededDropout.Fill(mask, 0, 0.5);
        Assert.Equal([0, 2, 2, 0, 2, 0, 0, 2], mask);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.3)]
    public void Fill_ManyNumbers_HasTheRateAndScale(double rate)
    {
        float[] mask = new float[(1 << 20) + 5];
        SeededDropout.Fill(mask, 12345, rate);
        int zeros = mask.Count(value => value == 0);
        Assert.All(mask.Distinct(), value => Assert.Contains(value, new[] { 0, (float)(1 / (1 - rate)) }));
        Assert.InRange(zeros - (rate * mask.Length), -5 * Deviation(), 5 * Deviation());

        int pairs = mask.Zip(mask.Skip(1)).Count(pair => pair is { First: 0, Second: 0 });
        Assert.InRange(pairs - (rate * rate * mask.Length), -10 * Deviation() * rate, 10 * Deviation() * rate); // neighbours are independent

        double Deviation() => Math.Sqrt(rate * (1 - rate) * mask.Length);
    }

    [Fact]
    public void Fill_AnyLength_StartsAlike()
    {
        float[] all = new float[50];
        SeededDropout.Fill(all, 7, 0.4);
        foreach (int length in new[] { 1, 15, 16, 17, 33 })
        {
            float[] part = new float[length];
            SeededDropout.Fill(part, 7, 0.4);
            Assert.Equal(all[..length], part);
        }
    }

    [Fact]
    public void Apply_SameGeneratorState_RepeatsAndScalesTheGradient()
    {
        using var scope = NewDisposeScope();
        Tensor x = randn(8, 24).requires_grad_();
        manual_seed(3);
        Tensor first = SeededDropout.Apply(x, 0.5, true), second = SeededDropout.Apply(x, 0.5, true);
        manual_seed(3);
        Tensor again = SeededDropout.Apply(x, 0.5, true);
        again.sum().backward();

        Assert.Equal(first.data<float>().ToArray(), again.data<float>().ToArray());
        Assert.NotEqual(first.data<float>().ToArray(), second.data<float>().ToArray());
        Assert.Equal(again.data<float>().ToArray(), (x * x.grad!).data<float>().ToArray());
        Assert.Same(x, SeededDropout.Apply(x, 0.5, false));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Attention_AlmostNoDropout_EqualsTheFusedKernel(bool causal)
    {
        const double Tiny = 1e-12; // below 2^-32: nothing is dropped, but the path with dropout runs
        using var scope = NewDisposeScope();
        manual_seed(4);
        Tensor[] fused = Operands(), ours = [.. fused.Select(t => t.detach().clone().requires_grad_())];
        Tensor? mask = causal ? null : tensor([0f, 0, 0, float.NegativeInfinity, 0]).reshape(1, 1, 1, 5);
        Tensor expected = nn.functional.scaled_dot_product_attention(fused[0], fused[1], fused[2], mask, 0, causal);
        Tensor actual = SeededDropout.Attention(ours[0], ours[1], ours[2], Tiny, true, mask, causal);
        (expected * expected).sum().backward();
        (actual * actual).sum().backward();

        Near(expected, actual);
        for (int i = 0; i < 3; i++)
        {
            Near(fused[i].grad!, ours[i].grad!);
        }
    }

    [Fact]
    public void Attention_Dropout_DropsWeightsOfTheSoftmax()
    {
        using var scope = NewDisposeScope();
        Tensor[] parts = Operands();
        manual_seed(6);
        Tensor actual = SeededDropout.Attention(parts[0], parts[1], parts[2], 0.5, true);
        manual_seed(6);
        Tensor weights = SeededDropout.Apply((parts[0].matmul(parts[1].transpose(2, 3)) / Math.Sqrt(4)).softmax(-1), 0.5, true);

        Near(weights.matmul(parts[2]), actual);
    }

    private static Tensor[] Operands() => [.. Enumerable.Range(0, 3).Select(_ => randn(2, 3, 5, 4).requires_grad_())]; // [B,H,T,E]

    private static void Near(Tensor expected, Tensor actual) =>
        Assert.All(expected.data<float>().ToArray().Zip(actual.data<float>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
}
