using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.Roberta;

/// <summary>RoBERTa text classifiers: encoders with learned positions and a head on the first token.</summary>
internal sealed class RobertaFamily : IModelFamily
{
    public string ModelType => "roberta";

    public Type Kind => typeof(ISequenceClassifier);

    public TokenizerFamily Tokenizer => TokenizerFamily.Roberta;

    public ModelConfig Configure(ModelShape shape, TextTokenizer tokenizer) => new RobertaConfig
    {
        VocabularySize = tokenizer.VocabularySize,
        Context = shape.Context,
        HiddenSize = shape.HiddenSize,
        Layers = shape.Layers,
        Heads = shape.Heads,
        IntermediateSize = shape.InnerSize ?? (4 * shape.HiddenSize),
        TypeVocabularySize = 1,
        LayerNormEpsilon = 1e-5,
        Labels = shape.Labels,
        BosId = SpecialToken(tokenizer, "<s>"),
        PadId = SpecialToken(tokenizer, "<pad>"),
        EosId = SpecialToken(tokenizer, "</s>"),
    };

    public ITrainableModel Create(ModelConfig config, double? dropout, Device device) => new RobertaClassifier((RobertaConfig)config, dropout, device);

    public IReadOnlyDictionary<string, float[]> ReadWeights(string folder, ModelConfig config)
    {
        using var weights = Weights.Open(folder);
        return RobertaWeights.Load(weights, (RobertaConfig)config);
    }

    public bool Exports(ModelConfig config, GraphPrecision precision) => precision != GraphPrecision.Fp16;

    public IEnumerable<(string File, OnnxGraph Graph)> Graphs(
        ModelConfig config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, IProjections projections) =>
        [(GraphFiles.Model(projections.Precision), new RobertaOnnx((RobertaConfig)config, weights, data, projections).Classifier())];

    private static int SpecialToken(TextTokenizer tokenizer, string token) =>
        tokenizer.SpecialTokens.TryGetValue(token, out int id)
            ? id
            : throw new BadInputException($"The tokenizer has no {token}; a classifier needs one trained with family roberta.");
}
