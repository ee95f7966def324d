using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.GptNeoX;

/// <summary>GPT-NeoX and Pythia, and classifiers made of them.</summary>
internal sealed class GptNeoXFamily : IModelFamily
{
    public string ModelType => "gpt_neox";

    public Type Kind => typeof(ILanguageModel);

    public TokenizerFamily Tokenizer => TokenizerFamily.Gpt2;

    public ModelConfig Configure(ModelShape shape, TextTokenizer tokenizer) => new GptNeoXConfig
    {
        VocabularySize = tokenizer.VocabularySize,
        Context = shape.Context,
        HiddenSize = shape.HiddenSize,
        Layers = shape.Layers,
        Heads = shape.Heads,
        InnerSize = shape.InnerSize ?? (4 * shape.HiddenSize),
        BosId = tokenizer.BosId ?? tokenizer.EosId,
        EosId = tokenizer.EosId,
    };

    public ITrainableModel Create(ModelConfig config, double? dropout, Device device)
    {
        var model = new GptNeoXModel((GptNeoXConfig)config, dropout, device);
        return config.IsClassifier ? new SequenceHead(model, config) : model;
    }

    public IReadOnlyDictionary<string, float[]> ReadWeights(string folder, ModelConfig config)
    {
        using var weights = Weights.Open(folder);
        return GptNeoXWeights.Load(weights, (GptNeoXConfig)config);
    }

    public bool Exports(ModelConfig config, GraphPrecision precision) => precision != GraphPrecision.Fp16;

    public IEnumerable<(string File, OnnxGraph Graph)> Graphs(
        ModelConfig config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, IProjections projections) =>
        new DecoderGraphs(config, weights, data, projections, new GptNeoXOnnx((GptNeoXConfig)config, weights, data, projections)).All();
}
