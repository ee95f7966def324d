using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>A model family: creates models, reads their weights and builds their ONNX graphs.</summary>
internal interface IModelFamily
{
    /// <summary><c>model_type</c> in config.json.</summary>
    string ModelType { get; }

    /// <summary>The kind of its new models: <see cref="ILanguageModel"/> or <see cref="ISequenceClassifier"/>.</summary>
    Type Kind { get; }

    /// <summary>Special tokens and order of its tokenizers.</summary>
    TokenizerFamily Tokenizer { get; }

    /// <summary>The configuration of a new model.</summary>
    /// <param name="shape">Its sizes.</param>
    /// <param name="tokenizer">Gives the vocabulary and the special tokens.</param>
    /// <exception cref="BadInputException">The tokenizer lacks a token that the family needs.</exception>
    ModelConfig Configure(ModelShape shape, TextTokenizer tokenizer);

    /// <summary>A model with new weights, drawn from torch's generator (seed it first).</summary>
    /// <param name="config">Of this family. A language model's family makes a classifier of a configuration with labels.</param>
    /// <param name="dropout">Replaces all dropouts of the configuration; null keeps them.</param>
    /// <param name="device">Where the parameters live.</param>
    ITrainableModel Create(ModelConfig config, double? dropout, Device device);

    /// <summary>Reads a model folder's weights as float32, keyed by checkpoint name.</summary>
    IReadOnlyDictionary<string, float[]> ReadWeights(string folder, ModelConfig config);

    /// <summary>Whether the family can export a model in a precision.</summary>
    bool Exports(ModelConfig config, GraphPrecision precision);

    /// <summary>The ONNX graphs of a model in one precision.</summary>
    /// <param name="config">Of this family.</param>
    /// <param name="weights">From <see cref="ReadWeights"/>.</param>
    /// <param name="data">File of the weights that are not quantized.</param>
    /// <param name="projections">Matrix products in the wanted precision.</param>
    /// <returns>File name and graph of each.</returns>
    IEnumerable<(string File, OnnxGraph Graph)> Graphs(
        ModelConfig config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, IProjections projections);
}

/// <summary>Sizes of a new model.</summary>
/// <param name="Layers">Transformer blocks.</param>
/// <param name="Heads">Attention heads; divide <paramref name="HiddenSize"/>.</param>
/// <param name="HiddenSize">Width of the hidden states.</param>
/// <param name="Context">Longest sequence, tokens.</param>
/// <param name="Labels">A classifier's labels in order; empty for a language model.</param>
internal sealed record ModelShape(int Layers, int Heads, int HiddenSize, int Context, IReadOnlyList<string> Labels)
{
    /// <summary>Heads of keys and values, which divide the heads; null: as many as heads.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>Width inside the feed-forward layer; null: the family's usual one.</summary>
    public int? InnerSize { get; init; }
}
