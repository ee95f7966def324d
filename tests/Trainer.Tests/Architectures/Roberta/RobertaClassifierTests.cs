using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Architectures.Roberta;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Architectures.Roberta;

public class RobertaClassifierTests
{
    private const double Tolerance = 1e-4; // float32 sums in another order than the reference's

    [Fact]
    public void Logits_PaddedBatch_MatchesReference()
    {
        using var scope = NewDisposeScope();
        JsonElement expected = FixtureFiles.Json("tiny-roberta", "expected.json");
        int[][] rows = FixtureFiles.Rows(expected.GetProperty("input_ids_unpadded"));
        double[][] reference = expected.GetProperty("logits").Deserialize<double[][]>()!;
        using ISequenceClassifier model = Load();
        float[] logits = [.. Classifier.Forward(model, rows, [0, 0, 0, 0]).Logits.data<float>()]; // [4,2]
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(reference[i / 2][i % 2], logits[i], Tolerance);
        }
    }

    [Fact]
    public void Logits_RowAlone_EqualsRowInPaddedBatch()
    {
        using var scope = NewDisposeScope();
        int[][] rows = FixtureFiles.Rows(FixtureFiles.Json("tiny-roberta", "expected.json").GetProperty("input_ids_unpadded"));
        using ISequenceClassifier model = Load();
        float[] batch = [.. Classifier.Forward(model, rows, [0, 0, 0, 0]).Logits.data<float>()];
        float[] alone = [.. Classifier.Forward(model, [rows[2]], [0]).Logits.data<float>()];
        Assert.Equal(batch[4], alone[0], 1e-5f);
        Assert.Equal(batch[5], alone[1], 1e-5f);
    }

    [Fact]
    public void Save_ThenLoad_GivesTheSameTensors()
    {
        using var folder = new TemporaryFolder();
        string source = FixtureFiles.Folder("tiny-roberta");
        var config = (RobertaConfig)ModelConfig.Load(source);
        using ISequenceClassifier model = Load();
        ModelFolder.Save(model, folder.Path, tokenizer: null, WeightType.F32);
        IReadOnlyDictionary<string, float[]> before = new RobertaFamily().ReadWeights(source, config);
        IReadOnlyDictionary<string, float[]> after = new RobertaFamily().ReadWeights(folder.Path, config);
        Assert.Equal(before.Keys.Order(), after.Keys.Order());
        Assert.All(before, pair => Assert.Equal(pair.Value, after[pair.Key]));
    }

    private static ISequenceClassifier Load()
    {
        ISequenceClassifier model = ModelFolder.Load<ISequenceClassifier>(FixtureFiles.Folder("tiny-roberta"), CPU, dropout: 0);
        model.eval();
        return model;
    }
}
