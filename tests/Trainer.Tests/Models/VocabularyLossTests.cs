using Rudder.Trainer.Models;
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
        Tensor loss = VocabularyLoss.Sum(hidden, vocabulary, vocabulary.index_select(0, targets));
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
        Tensor loss = VocabularyLoss.Sum(hidden, vocabulary, vocabulary.index_select(0, targets));
        Tensor reference = nn.functional.cross_entropy(hidden.matmul(vocabulary.t()), targets, reduction: nn.Reduction.Sum);
        Assert.False(loss.requires_grad);
        Assert.Equal(reference.item<float>(), loss.item<float>(), 1e-4f); // a sum near 40, in float32
    }

    private static float[] Gradient(Tensor t) => t.grad!.data<float>().ToArray();

    private static void Near(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
    }
}
