using Rudder.Engine;
using Rudder.Engine.Graphs;
using Rudder.Engine.Scoring;
using Rudder.Trainer.Export;
using Rudder.Trainer.Tests.Export;

namespace Rudder.Trainer.Tests.Architectures.Roberta;

/// <summary>The classifier graph against the numbers of the field's own code.</summary>
public sealed class RobertaOnnxTests : IDisposable
{
    private readonly TinyModels _models = new();

    [Theory]
    [InlineData(4)]                                     // all texts in one padded batch
    [InlineData(1)]                                     // each alone, nothing padded
    public void Classifier_FixtureTexts_MatchGoldenLogits(int batch)
    {
        string model = _models.Copy("tiny-roberta");
        var graphs = new GraphFolder(model, Path.Combine(model, "onnx"), ModelExport.Run(model, new ExportSettings(), threads: 1)) { AsWritten = true };
        var expected = TinyModels.Expected("tiny-roberta");
        int[][] ids = TinyModels.Ids(expected.GetProperty("input_ids_unpadded"));
        double[][] golden = TinyModels.Numbers(expected.GetProperty("logits"));
        using var graph = ClassifierEngine.Load(graphs, new EngineOptions { Threads = 1 });
        float[][] logits = [.. ids.Chunk(batch).SelectMany(rows => graph.Logits(rows))];
        for (int row = 0; row < golden.Length; row++)
        {
            Assert.Equal(golden[row][0], logits[row][0], 1e-5);
            Assert.Equal(golden[row][1], logits[row][1], 1e-5);
        }
    }

    public void Dispose() => _models.Dispose();
}
