using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Tests.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Models;

public sealed class CompletionLogProbsTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly ILanguageModel _model = ModelFolder.Load<ILanguageModel>(Path.Combine(Rudder.Tests.SharedFolder.Root, "tests", "Fixtures", "tiny-gpt2"), CPU, 0);

    public void Dispose()
    {
        _model.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void Sums_RaggedBatch_MatchFullLogitsWithAMaskedPrompt()
    {
        var batch = PreferenceBatch.Of(SamplePairs.Group(SamplePairs.Random(3, 4, seed: 11)).Groups, BatchMode.Group);
        float[] gathered = NamedParameters.Values(CompletionLogProbs.Sums(_model, new PreferenceTensors(batch, CPU)));
        int row = 0;
        foreach (PreferenceGroup group in SamplePairs.Group(SamplePairs.Random(3, 4, seed: 11)).Groups)
        {
            foreach (GroupCompletion completion in group.Completions)
            {
                long[] ids = [.. group.PromptIds.Concat(completion.Ids).Select(id => (long)id)];
                long[] labels = [.. ids.Select((id, t) => t < group.PromptIds.Length ? SequenceLogProbs.IgnoredLabel : id)];
                Tensor logits = _model.Head(_model.Hidden(tensor(ids).reshape(1, -1))); // [1,T,V]
                (Tensor sums, Tensor counts) = SequenceLogProbs.OfLabels(logits, tensor(labels).reshape(1, -1));
                Assert.Equal(completion.Ids.Length, counts.item<long>());
                Assert.Equal(sums.item<float>(), gathered[row++], 1e-5f * Math.Abs(sums.item<float>()));
            }
        }

        Assert.Equal(12, row);
    }

    /// <summary>The two layouts of the same groups must differ in speed only.</summary>
    [Theory]
    [InlineData("dpo")]
    [InlineData("ipo-mean")]
    [InlineData("orpo")]
    [InlineData("sft")]
    public void GroupAndPairBatch_SameGroups_GiveTheSameLossAndGradient(string loss)
    {
        PreferenceData data = SamplePairs.Group(SamplePairs.Random(5, 4, seed: 13));
        float[] reference = [.. Enumerable.Range(0, data.Completions).Select(i => -40f - i)];
        PreferenceLoss objective = PreferenceLoss.All[loss];
        (double groupLoss, float[][] groupGradients) = Gradients(BatchMode.Group);
        (double pairLoss, float[][] pairGradients) = Gradients(BatchMode.Pair);
        Assert.Equal(groupLoss, pairLoss, 1e-6 * Math.Abs(groupLoss));
        for (int p = 0; p < groupGradients.Length; p++)
        {
            double largest = groupGradients[p].Max(Math.Abs);
            Assert.True(largest > 0, _model.Parameters[p].Name);
            Assert.All(groupGradients[p].Zip(pairGradients[p]), both => Assert.Equal(both.First, both.Second, 1e-5 * largest));
        }

        (double Loss, float[][] Gradients) Gradients(BatchMode mode)
        {
            _model.zero_grad();
            PairLogProbs pairs = PreferenceForward.Pairs(
                _model, PreferenceBatch.Of(data.Groups, mode), new ScoredReference(reference), PreferenceForward.MeanChosenLength(data.Groups));
            Tensor mean = objective.PerPair(pairs).mean();
            mean.backward();
            return (mean.item<float>(), [.. _model.Parameters.Select(p => NamedParameters.Values(p.Value.grad!))]);
        }
    }

    [Fact]
    public void ScoreAll_SmallPasses_MatchesOnePass()
    {
        PreferenceData data = SamplePairs.Group(SamplePairs.Random(4, 3, seed: 17));
        _model.eval();
        (PreferenceGroup, GroupCompletion)[] rows = [.. data.Groups.SelectMany(g => g.Completions.Select(c => (g, c)))];
        float[] whole = CompletionLogProbs.ScoreAll(_model, rows, 100);
        float[] parts = CompletionLogProbs.ScoreAll(_model, rows, 5);
        Assert.All(whole.Zip(parts), both => Assert.Equal(both.First, both.Second, 1e-5f * Math.Abs(both.First)));
    }

    [Fact]
    public void ScoreAll_TrainingMode_IsRefused()
    {
        _model.train();
        Assert.Throws<InvalidOperationException>(() => CompletionLogProbs.ScoreAll(_model, [], 1));
    }
}
