using Rudder.Checkpoints;
using Rudder.Trainer.Architectures.Llama;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Architectures.Llama;

/// <summary>Small decoders with random weights, for families and shapes without a fixture.</summary>
internal static class RandomDecoders
{
    /// <summary>Two layers, four heads that share two of keys and values, heads wider than hidden size / heads; mistral with a window of 4.</summary>
    public static LlamaConfig Config(string family) => new()
    {
        Family = family, VocabularySize = 40, Context = 32, HiddenSize = 16, Layers = 2, Heads = 4, GroupedHeads = 2, ExplicitHeadSize = 8,
        InnerSize = 24, LayerNormEpsilon = 1e-5, Window = family == "mistral" ? 4 : null, TiesHead = family == "qwen3", BosId = 0, EosId = 39,
    };

    /// <summary>Weights that are large enough for every part to matter, normalizations and biases included.</summary>
    public static LlamaModel Model(LlamaConfig config)
    {
        manual_seed(5);
        var model = new LlamaModel(config, 0, CPU);
        using var quiet = no_grad();
        foreach (NamedParameter parameter in model.Parameters)
        {
            bool isScale = parameter.Value.dim() == 1 && parameter.Name.EndsWith(".weight", StringComparison.Ordinal);
            nn.init.normal_(parameter.Value, isScale ? 1 : 0, 0.3);
        }

        model.eval();
        return model;
    }
}
