using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.Llama;

/// <summary>Decoders built like Llama, and classifiers made of them.</summary>
/// <param name="modelType">One of <see cref="LlamaConfig.Types"/>.</param>
internal sealed class LlamaFamily(string modelType) : IModelFamily
{
    private const int InnerMultiple = 32;

    public string ModelType => modelType;

    public Type Kind => typeof(ILanguageModel);

    public TokenizerFamily Tokenizer => TokenizerFamily.Gpt2;

    public ModelConfig Configure(ModelShape shape, TextTokenizer tokenizer) => new LlamaConfig
    {
        Family = modelType,
        VocabularySize = tokenizer.VocabularySize,
        Context = shape.Context,
        HiddenSize = shape.HiddenSize,
        Layers = shape.Layers,
        Heads = shape.Heads,
        GroupedHeads = shape.KeyValueHeads,
        InnerSize = shape.InnerSize ?? Inner(shape.HiddenSize),
        TiesHead = true,
        BosId = tokenizer.BosId ?? tokenizer.EosId,
        EosId = tokenizer.EosId,
    };

    public ITrainableModel Create(ModelConfig config, double? dropout, Device device)
    {
        var model = new LlamaModel((LlamaConfig)config, dropout, device);
        return config.IsClassifier ? new SequenceHead(model, config) : model;
    }

    public IReadOnlyDictionary<string, float[]> ReadWeights(string folder, ModelConfig config)
    {
        using var weights = Weights.Open(folder);
        return LlamaWeights.Load(weights, (LlamaConfig)config);
    }

    public bool Exports(ModelConfig config, GraphPrecision precision) => precision != GraphPrecision.Fp16;

    public IEnumerable<(string File, OnnxGraph Graph)> Graphs(
        ModelConfig config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, IProjections projections) =>
        new DecoderGraphs(config, weights, data, projections, new LlamaOnnx((LlamaConfig)config, weights, data, projections)).All();

    // Two thirds of 4 · width, as the gate is a third matrix (arXiv:2002.05202), in whole panels.
    private static int Inner(int width) => ((8 * width / 3) + InnerMultiple - 1) / InnerMultiple * InnerMultiple;
}
