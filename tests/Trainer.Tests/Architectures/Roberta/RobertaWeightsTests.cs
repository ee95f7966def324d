using Rudder.Checkpoints;
using Rudder.Trainer.Architectures.Roberta;

namespace Rudder.Trainer.Tests.Architectures.Roberta;

public class RobertaWeightsTests
{
    private static readonly string Tiny = FixtureFiles.Folder("tiny-roberta");
    private static readonly RobertaConfig Config = ModelConfig.Load<RobertaConfig>(Tiny);

    [Fact]
    public void Load_PyTorchFile_EqualsSafetensorsBitForBit()
    {
        using var weights = Weights.OpenFile(Path.Combine(Tiny, "pytorch_model.bin"));
        Assert.Equal(new RobertaFamily().ReadWeights(Tiny, Config), RobertaWeights.Load(weights, Config));
    }

    [Fact]
    public void Load_PoolerAndPositionIds_AreIgnored()
    {
        using var folder = new TemporaryFolder();
        IReadOnlyDictionary<string, float[]> model = new RobertaFamily().ReadWeights(Tiny, Config);
        SafetensorsWriter.Write(
            Path.Combine(folder.Path, "model.safetensors"),
            [
                .. RobertaWeights.Expected(Config).Select(n => (n.Name, n.Shape, (ReadOnlyMemory<float>)model[n.Name])),
                ("roberta.pooler.dense.bias", [32L], new float[32]),
                ("roberta.embeddings.position_ids", [1L, 2], new float[2]),
            ],
            WeightType.F32);
        Assert.Equal(model, new RobertaFamily().ReadWeights(folder.Path, Config));
    }
}
