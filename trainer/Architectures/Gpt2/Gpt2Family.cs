using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.Gpt2;

/// <summary>GPT-2 and its kin: causal language models with learned positions, and classifiers made of them.</summary>
internal sealed class Gpt2Family : IModelFamily
{
    public string ModelType => "gpt2";

    public Type Kind => typeof(ILanguageModel);

    public TokenizerFamily Tokenizer => TokenizerFamily.Gpt2;

    public ModelConfig Configure(ModelShape shape, TextTokenizer tokenizer)
    {
        Gpt2Config config = Usual(shape, tokenizer);
        return shape.InnerSize is int inner ? config with { InnerSize = inner } : config;
    }

    public ITrainableModel Create(ModelConfig config, double? dropout, Device device)
    {
        var model = new Gpt2Model((Gpt2Config)config, dropout, device);
        return config.IsClassifier ? new SequenceHead(model, config) : model;
    }

    public IReadOnlyDictionary<string, float[]> ReadWeights(string folder, ModelConfig config)
    {
        using var weights = Weights.Open(folder);
        return Gpt2Weights.Load(weights, (Gpt2Config)config);
    }

    public bool Exports(ModelConfig config, GraphPrecision precision) => !config.IsClassifier || precision != GraphPrecision.Fp16;

    public IEnumerable<(string File, OnnxGraph Graph)> Graphs(
        ModelConfig config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, IProjections projections) =>
        new DecoderGraphs(config, weights, data, projections, new Gpt2Onnx((Gpt2Config)config, weights, data, projections)).All();

    private static Gpt2Config Usual(ModelShape shape, TextTokenizer tokenizer) => new()
    {
        VocabularySize = tokenizer.VocabularySize,
        Context = shape.Context,
        HiddenSize = shape.HiddenSize,
        Layers = shape.Layers,
        Heads = shape.Heads,
        LayerNormEpsilon = 1e-5,
        BosId = tokenizer.BosId ?? tokenizer.EosId,
        EosId = tokenizer.EosId,
    };
}
