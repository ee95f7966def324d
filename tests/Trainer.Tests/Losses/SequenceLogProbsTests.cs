using System.Text.Json;
using Rudder.Trainer.Losses;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Losses;

public sealed class SequenceLogProbsTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    private static JsonElement Golden => GoldenLosses.Root.GetProperty("sequence_log_prob");

    private static Tensor Logits => tensor(GoldenLosses.Flat(Golden.GetProperty("logits"))).reshape(2, 7, 11); // [B,T,V]

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void OfLabels_MaskedPrompt_MatchesAuthorsSumsAndMeans()
    {
        Tensor labels = tensor(GoldenLosses.Flat(Golden.GetProperty("labels"))).to(ScalarType.Int64).reshape(2, 7); // [B,T]
        (Tensor sums, Tensor counts) = SequenceLogProbs.OfLabels(Logits, labels);
        GoldenLosses.AssertClose(GoldenLosses.Numbers(Golden.GetProperty("sum")), sums);
        GoldenLosses.AssertClose(GoldenLosses.Numbers(Golden.GetProperty("mean")), sums / counts);
    }

    [Fact]
    public void SumPerSequence_GatheredPositions_MatchesAuthorsSums()
    {
        // The labels of the fixture, gathered: row 0 scores tokens 3..6, row 1 tokens 2..5; position t−1 predicts token t.
        Tensor rows = Logits.reshape(14, 11).index_select(0, tensor(new long[] { 2, 3, 4, 5, 8, 9, 10, 11 })); // [N,V]
        Tensor tokens = SequenceLogProbs.OfTokens(rows, tensor(new long[] { 0, 4, 1, 8, 10, 1, 10, 7 })); // [N]
        Tensor slots = tensor(new long[] { 0, 1, 2, 3, 4, 5, 6, 7 }).reshape(2, 4); // [B,L]
        GoldenLosses.AssertClose(GoldenLosses.Numbers(Golden.GetProperty("sum")), SequenceLogProbs.SumPerSequence(tokens, slots));
    }

    [Fact]
    public void SumPerSequence_RaggedRows_SumsOwnTokensAndPassesTheGradient()
    {
        Tensor tokens = tensor(new[] { -1.0, -2.0, -4.0 }, requires_grad: true);
        Tensor sums = SequenceLogProbs.SumPerSequence(tokens, tensor(new long[] { 0, 1, 2, 3 }).reshape(2, 2)); // 3 = no token
        (sums * tensor(new[] { 10.0, 100.0 })).sum().backward();
        Assert.Equal([-3.0, -4.0], sums.detach().data<double>().ToArray());
        Assert.Equal([10.0, 10.0, 100.0], tokens.grad!.data<double>().ToArray());
    }
}
