using Rudder.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Models;

public class VocabularyLossTests
{
    [Theory]
    [InlineData(7)]
    [InlineData(1100)] // three blocks, the last one short
    public void Sum_RandomRows_EqualsCrossEntropyInValueAndGradients(int rows)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor targets = randint(0, 40, [rows], int64);
        (Tensor hidden, Tensor vocabulary) = (randn(rows, 12).requires_grad_(), randn(40, 12).requires_grad_());
        Tensor loss = VocabularyLoss.Sum(hidden, vocabulary, targets, vocabulary);
        (loss / rows).backward();
        (float[] byHidden, float[] byVocabulary) = (Gradient(hidden), Gradient(vocabulary));
        hidden.grad = null;
        vocabulary.grad = null;
        Tensor reference = nn.functional.cross_entropy(hidden.matmul(vocabulary.t()), targets, reduction: nn.Reduction.Sum);
        (reference / rows).backward();
        Assert.Equal(1, loss.item<float>() / reference.item<float>(), 1e-5);
        Near(Gradient(hidden), byHidden);
        Near(Gradient(vocabulary), byVocabulary);
    }

    [Fact]
    public void Sum_WithoutGradients_GivesTheSameValue()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor targets = randint(0, 40, [9], int64);
        (Tensor hidden, Tensor vocabulary) = (randn(9, 12), randn(40, 12));
        Tensor loss = VocabularyLoss.Sum(hidden, vocabulary, targets, vocabulary);
        Tensor reference = nn.functional.cross_entropy(hidden.matmul(vocabulary.t()), targets, reduction: nn.Reduction.Sum);
        Assert.False(loss.requires_grad);
        Assert.Equal(reference.item<float>(), loss.item<float>(), 1e-4f); // a sum near 40, in float32
    }

    [Fact]
    public void Sum_UnderNoGrad_ComputesNoGradient()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor targets = randint(0, 40, [9], int64);
        (Tensor hidden, Tensor vocabulary) = (randn(9, 12), randn(40, 12));
        using IDisposable quiet = no_grad();
        (float plain, long expected) = Created(() => VocabularyLoss.Sum(hidden, vocabulary, targets, vocabulary));
        hidden.requires_grad_();
        vocabulary.requires_grad_();
        (float evaluated, long created) = Created(() => VocabularyLoss.Sum(hidden, vocabulary, targets, vocabulary));

        Assert.Equal(plain, evaluated);
        Assert.Equal(expected, created); // each gradient is a tensor more

        static (float, long) Created(Func<Tensor> loss)
        {
            long before = DisposeScopeManager.Statistics.CreatedInScopeCount;
            Tensor value = loss();
            return (value.item<float>(), DisposeScopeManager.Statistics.CreatedInScopeCount - before);
        }
    }

    [Fact]
    public void Sum_FrozenVocabulary_GivesTheHiddenStatesTheSameGradient()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor targets = randint(0, 40, [9], int64);
        (Tensor hidden, Tensor vocabulary) = (randn(9, 12).requires_grad_(), randn(40, 12).requires_grad_());
        VocabularyLoss.Sum(hidden, vocabulary, targets, vocabulary).backward();
        float[] expected = Gradient(hidden);
        (hidden.grad, vocabulary.grad) = (null, null);
        vocabulary.requires_grad_(false);
        VocabularyLoss.Sum(hidden, vocabulary, targets, vocabulary).backward();

        Assert.Equal(expected, Gradient(hidden));
        Assert.Null(vocabulary.grad);
    }

    [Fact]
    public void Sum_Bf16Operand_IsNearFp32WithGradientsInFp32()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor targets = randint(0, 40, [300], int64);
        (Tensor hidden, Tensor vocabulary) = (randn(300, 12).requires_grad_(), randn(40, 12).requires_grad_());
        Tensor exact = VocabularyLoss.Sum(hidden, vocabulary, targets, vocabulary);
        exact.backward();
        (Tensor byHidden, Tensor byVocabulary) = (hidden.grad!.clone(), vocabulary.grad!.clone());
        (hidden.grad, vocabulary.grad) = (null, null);

        Tensor loss = VocabularyLoss.Sum(hidden, vocabulary, targets, vocabulary.detach().to(bfloat16));
        loss.backward();

        Assert.Equal((float32, float32, float32), (loss.dtype, hidden.grad!.dtype, vocabulary.grad!.dtype));
        Assert.Equal(1, loss.item<float>() / exact.item<float>(), 1e-3); // bf16 has 8 bits; 300 rounded rows nearly cancel
        Assert.InRange(Distance(byHidden, hidden.grad!), 1e-6, 0.02);
        Assert.InRange(Distance(byVocabulary, vocabulary.grad!), 1e-6, 0.02);

        static double Distance(Tensor expected, Tensor actual) => ((expected - actual).norm() / expected.norm()).item<float>();
    }

    private static float[] Gradient(Tensor t) => t.grad!.data<float>().ToArray();

    private static void Near(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
    }
}
