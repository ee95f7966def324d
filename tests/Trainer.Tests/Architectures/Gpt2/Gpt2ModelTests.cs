using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Architectures.Gpt2;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Architectures.Gpt2;

public class Gpt2ModelTests
{
    private const double Tolerance = 1e-4; // float32 sums in another order than the reference's

    [Fact]
    public void Forward_TinyModel_MatchesReferenceLogits()
    {
        using var scope = NewDisposeScope();
        JsonElement expected = FixtureFiles.Json("tiny-gpt2", "expected.json");
        using ILanguageModel model = Load();
        Tensor ids = Collator.Pad(FixtureFiles.Rows(expected.GetProperty("input_ids")), 0, CPU);
        float[] logits = [.. model.Head(model.Hidden(ids)).data<float>()]; // [3,17,512]
        double[][] last = expected.GetProperty("logits_last_position").Deserialize<double[][]>()!;
        double[][] first = expected.GetProperty("logits_first_row_first_8").Deserialize<double[][]>()!;
        for (int b = 0; b < 3; b++)
        {
            for (int v = 0; v < 512; v++)
            {
                Assert.Equal(last[b][v], logits[(((b * 17) + 16) * 512) + v], Tolerance);
            }
        }

        for (int t = 0; t < 17; t++)
        {
            for (int v = 0; v < 8; v++)
            {
                Assert.Equal(first[t][v], logits[(t * 512) + v], Tolerance);
            }
        }
    }

    [Fact]
    public void Forward_TinyModel_MatchesReferenceTokenLogProbs()
    {
        using var scope = NewDisposeScope();
        JsonElement expected = FixtureFiles.Json("tiny-gpt2", "expected.json");
        int[][] rows = FixtureFiles.Rows(expected.GetProperty("input_ids"));
        using ILanguageModel model = Load();
        float[] logProbs = [.. nn.functional.log_softmax(model.Head(model.Hidden(Collator.Pad(rows, 0, CPU))), -1).data<float>()]; // [3,17,512]
        double[][] reference = expected.GetProperty("token_log_probs").Deserialize<double[][]>()!;
        for (int b = 0; b < 3; b++)
        {
            for (int t = 0; t < 16; t++)
            {
                Assert.Equal(reference[b][t], logProbs[(((b * 17) + t) * 512) + rows[b][t + 1]], Tolerance);
            }
        }
    }

    [Theory]
    [InlineData(0, 0, 0, false)]
    [InlineData(0.5, 0, 0, true)]                       // each of the three alone
    [InlineData(0, 0.5, 0, true)]
    [InlineData(0, 0, 0.5, true)]
    public void Forward_InTraining_DropsWhereTheConfigurationSaysSo(double residual, double attention, double embedding, bool differs)
    {
        using var scope = NewDisposeScope();
        var config = new Gpt2Config
        {
            VocabularySize = 32, Context = 8, HiddenSize = 16, Layers = 1, Heads = 2,
            ResidualDropout = residual, AttentionDropout = attention, EmbeddingDropout = embedding,
        };
        manual_seed(1);
        using var model = new Gpt2Model(config, null, CPU);
        model.train();
        Tensor ids = tensor(new long[] { 1, 2, 3, 4 }).unsqueeze(0); // [1,4]
        Assert.NotEqual(differs, model.call(ids).Equals(model.call(ids)));
        using var without = new Gpt2Model(config, 0, CPU);
        without.train();
        Assert.Equal(without.call(ids), without.call(ids));
    }

    [Fact]
    public void Forward_LaterTokensChanged_LeavesEarlierLogitsAlone()
    {
        using var scope = NewDisposeScope();
        using ILanguageModel model = Load();
        float[] one = [.. model.Head(model.Hidden(Collator.Pad([[5, 6, 7, 8]], 0, CPU))).data<float>()];
        float[] other = [.. model.Head(model.Hidden(Collator.Pad([[5, 6, 99, 100]], 0, CPU))).data<float>()];
        Assert.Equal(one[..1024], other[..1024]); // positions 0 and 1
        Assert.NotEqual(one[1024..], other[1024..]);
    }

    [Fact]
    public void Hidden_BeyondContext_IsRefusedWithBothLengths()
    {
        using ILanguageModel model = Load();
        using Tensor ids = Collator.Pad([new int[65]], 0, CPU);
        ArgumentException error = Assert.Throws<ArgumentException>(() => model.Hidden(ids));
        Assert.Contains("65", error.Message, StringComparison.Ordinal);
        Assert.Contains("64", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Save_ThenLoad_GivesTheSameLogits()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using ILanguageModel model = Load();
        ModelFolder.Save(model, folder.Path, tokenizer: null, WeightType.F32);
        using ILanguageModel again = ModelFolder.Load<ILanguageModel>(folder.Path, CPU, dropout: 0);
        Tensor ids = Collator.Pad([[5, 6, 7, 8]], 0, CPU);
        Assert.Equal([.. model.Head(model.Hidden(ids)).data<float>()], [.. again.Head(again.Hidden(ids)).data<float>()]);
    }

    private static ILanguageModel Load() => ModelFolder.Load<ILanguageModel>(FixtureFiles.Folder("tiny-gpt2"), CPU, dropout: 0);
}
