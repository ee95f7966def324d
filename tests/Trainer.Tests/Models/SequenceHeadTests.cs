using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Models;

public sealed class SequenceHeadTests : IDisposable
{
    private const int Padding = 511;
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly ILanguageModel _body = ModelFolder.Load<ILanguageModel>(FixtureFiles.Folder("tiny-gpt2"), CPU, 0);
    private readonly SequenceHead _model;

    public SequenceHeadTests()
    {
        manual_seed(5);
        _model = new SequenceHead(_body, _body.Config with { Labels = ["A", "B"], PadId = Padding });
        _model.eval();
    }

    public void Dispose()
    {
        _model.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void Logits_RaggedRows_ReadTheLastTokenThatIsNotPadding()
    {
        int[][] rows = [[1, 2, 3], [7], [4, 5, 6, 8, 9], [3, Padding, 2, Padding]]; // padding inside a row is a token like any other
        float[] logits = NamedParameters.Values(_model.Logits(Collator.Pad(rows, Padding, CPU), padded: true)); // [B,2]
        float[] head = NamedParameters.Values(_model.Parameters[^1].Value); // [2,D]
        int[] last = [2, 0, 4, 2];
        for (int b = 0; b < rows.Length; b++)
        {
            float[] states = NamedParameters.Values(_body.Hidden(tensor(rows[b].Select(id => (long)id).ToArray()).reshape(1, -1))); // [1,T,D]
            ReadOnlySpan<float> state = states.AsSpan(last[b] * 32, 32);
            for (int label = 0; label < 2; label++)
            {
                double expected = 0;
                for (int d = 0; d < 32; d++)
                {
                    expected += (double)state[d] * head[(label * 32) + d];
                }

                Assert.Equal(expected, logits[(b * 2) + label], 1e-5);
            }
        }
    }

    [Fact]
    public void Parameters_OfAHead_FollowThoseOfTheBody()
    {
        Assert.Equal([.. _body.Parameters.Select(p => p.Name), "score.weight"], _model.Parameters.Select(p => p.Name));
        Assert.Equal([2, 32], _model.Parameters[^1].Value.shape);
        Assert.False(_body.training); // eval() reaches the body
        _model.train();
        Assert.True(_body.training);
        _model.Logits(tensor(new long[] { 1, 2 }).reshape(1, 2), padded: false).sum().backward();
        Assert.All(_model.Parameters, p => Assert.True(p.Value.grad is not null, p.Name));
        _model.zero_grad();
        Assert.All(_model.Parameters, p => Assert.True(p.Value.grad is null || p.Value.grad.abs().sum().item<float>() == 0, p.Name));
    }

    [Fact]
    public void Save_ThenLoad_GivesTheSameLogitsUnderHuggingFaceNames()
    {
        using var folder = new TemporaryFolder();
        ModelFolder.Save(_model, folder.Path, null, Rudder.Checkpoints.WeightType.F32);
        Assert.False(File.Exists(folder.File("generation_config.json"))); // nothing to generate
        using var weights = Rudder.Checkpoints.Weights.Open(folder.Path);
        Assert.Contains(weights.Tensors, tensor => tensor.Name == "transformer.h.1.ln_1.weight");
        Assert.Contains(weights.Tensors, tensor => tensor.Name == "score.weight");
        using ISequenceClassifier loaded = ModelFolder.Load<ISequenceClassifier>(folder.Path, CPU);
        loaded.eval();
        Tensor ids = tensor(new long[] { 1, 2, 3, 4 }).reshape(2, 2);
        Assert.Equal(NamedParameters.Values(_model.Logits(ids, false)), NamedParameters.Values(loaded.Logits(ids, false)));
        BadInputException error = Assert.Throws<BadInputException>(() => ModelFolder.Load<ILanguageModel>(folder.Path, CPU));
        Assert.Contains("holds a gpt2 classifier; a language model is needed", error.Message, StringComparison.Ordinal);
    }
}
