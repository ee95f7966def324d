using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>Shape of a RoBERTa text classifier: post-norm encoder, positions counted from the padding id, dense + tanh head.</summary>
public sealed record RobertaConfig : ModelConfig
{
    internal const string Type = "roberta";
    internal const string Gelu = "gelu";

    /// <inheritdoc/>
    public override string ModelType => Type;

    /// <summary>Width inside the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Rows of the position embedding: the context plus the unused rows up to and including the padding id.</summary>
    public int MaxPositions => Context + (PadId ?? 1) + 1;

    /// <summary>Rows of the segment embedding; only row 0 is used. Default 1.</summary>
    public int TypeVocabularySize { get; init; } = 1;

    /// <summary>Class names in order of class id (<c>id2label</c>).</summary>
    public override required IReadOnlyList<string> Labels { get; init; } = [];

    /// <inheritdoc/>
    public override bool WrapsTexts => true;

    /// <summary>Dropout of the classifier's head in training, in [0, 1). Default 0.1.</summary>
    public double ClassifierDropout { get; init; } = 0.1;

    /// <summary>The exact GELU.</summary>
    internal override string SupportedActivation => Gelu;

    /// <inheritdoc/>
    public override RobertaConfig WithDropout(double dropout) =>
        this with { ResidualDropout = dropout, AttentionDropout = dropout, ClassifierDropout = dropout };

    internal static RobertaConfig Read(ConfigJson json)
    {
        json.Only("hidden_act", JsonValue.Create(Gelu), "Other activations are not implemented.");
        json.Only("position_embedding_type", JsonValue.Create("absolute"), "Relative positions are not implemented.");
        json.Only("is_decoder", JsonValue.Create(false), "Only encoders are implemented.");
        json.Only("problem_type", JsonValue.Create("single_label_classification"), "Classes exclude each other here.");
        int positions = json.Size("max_position_embeddings");
        int pad = json.TokenId("pad_token_id") ?? 1;
        if (positions <= pad + 1)
        {
            throw new CheckpointException(
                $"{json.File}: max_position_embeddings is {positions}; positions begin after the padding id {pad}, so it must be above {pad + 1}.");
        }

        double hidden = json.Dropout("hidden_dropout_prob");
        return new RobertaConfig
        {
            VocabularySize = json.Size("vocab_size"),
            Context = positions - pad - 1,
            HiddenSize = json.Size("hidden_size"),
            Layers = json.Size("num_hidden_layers"),
            Heads = json.Size("num_attention_heads"),
            IntermediateSize = json.Size("intermediate_size"),
            TypeVocabularySize = json.OptionalSize("type_vocab_size") ?? 1,
            LayerNormEpsilon = json.Number("layer_norm_eps", 1e-5, 0, 1),
            BosId = json.TokenId("bos_token_id"),
            EosId = json.TokenId("eos_token_id"),
            PadId = pad,
            Labels = json.Labels(MostWidth),
            ResidualDropout = hidden,
            AttentionDropout = json.Dropout("attention_probs_dropout_prob"),
            ClassifierDropout = json.Dropout("classifier_dropout", absent: hidden),
            Source = json.Json.ToJsonString(),
        };
    }

    internal override void Write(JsonObject json)
    {
        json["architectures"] ??= new JsonArray("RobertaForSequenceClassification");
        json["hidden_size"] = HiddenSize;
        json["num_hidden_layers"] = Layers;
        json["num_attention_heads"] = Heads;
        json["intermediate_size"] = IntermediateSize;
        json["max_position_embeddings"] = MaxPositions;
        json["type_vocab_size"] = TypeVocabularySize;
        json["hidden_act"] = Activation;
        json["layer_norm_eps"] = LayerNormEpsilon;
        json["hidden_dropout_prob"] = ConfigJson.Float(ResidualDropout);
        json["attention_probs_dropout_prob"] = ConfigJson.Float(AttentionDropout);
        json["classifier_dropout"] = ConfigJson.Float(ClassifierDropout);
        WriteLabels(json);
    }

    internal override void Check(string file)
    {
        base.Check(file);
        RequireRange(file, "intermediate size", IntermediateSize, MostWidth);
        RequireRange(file, "type vocabulary size", TypeVocabularySize, MostWidth);
        RequireDropout(file, "classifier dropout", ClassifierDropout);
        if (Labels.Count < 2 || Labels.Distinct(StringComparer.Ordinal).Count() != Labels.Count)
        {
            throw new CheckpointException($"{file}: labels are '{string.Join("', '", Labels)}'; a classifier needs two or more different ones.");
        }
    }
}
