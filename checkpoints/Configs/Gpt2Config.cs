using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>
/// Shape of a GPT-2: pre-norm decoder, learned positions, output tied to the token embedding. With <see cref="ModelConfig.Labels"/> it is a
/// classifier: a linear head on the state of the last token that is not the padding token, such as a reward model.
/// </summary>
public sealed record Gpt2Config : ModelConfig
{
    internal const string Type = "gpt2";
    internal const string Gelu = "gelu_new";
    private const string SameGelu = "gelu_pytorch_tanh", ScaleKey = "scale_attn_weights", ByLayerKey = "scale_attn_by_inverse_layer_idx";
    private const string TieKey = "tie_word_embeddings";
    private readonly int? _innerSize;

    /// <summary>An <see cref="ModelConfig.Activation"/>: GELU without approximation.</summary>
    public const string ExactGelu = "gelu";

    /// <summary>An <see cref="ModelConfig.Activation"/>: max(0, x).</summary>
    public const string Relu = "relu";

    /// <inheritdoc/>
    public override string ModelType => Type;

    /// <summary>Width inside the feed-forward layer (<c>n_inner</c>). Default: 4 × hidden size.</summary>
    public int InnerSize
    {
        get => _innerSize ?? (4 * HiddenSize);
        init => _innerSize = value;
    }

    /// <summary>Dropout of the embeddings while training, in [0, 1). Default 0.1.</summary>
    public double EmbeddingDropout { get; init; } = 0.1;

    /// <summary>Whether scores of queries and keys are divided by √(head size) (<c>scale_attn_weights</c>). Default true.</summary>
    public bool ScalesAttention { get; init; } = true;

    /// <summary>Whether block i also divides its scores by i + 1 (<c>scale_attn_by_inverse_layer_idx</c>). Default false.</summary>
    public bool ScalesByLayer { get; init; }

    /// <summary>Whether the output matrix is the token embedding (<c>tie_word_embeddings</c>). Default true.</summary>
    public bool TiesHead { get; init; } = true;

    /// <summary>Whether the model has an output matrix of its own.</summary>
    public bool HasHead => !TiesHead && !IsClassifier;

    /// <summary>The tanh approximation of GELU.</summary>
    internal override string SupportedActivation => Gelu;

    internal override IReadOnlyList<string> SupportedActivations => [Gelu, SameGelu, ExactGelu, Relu];

    /// <summary>What block <paramref name="layer"/> multiplies its queries by before attention, which divides scores by √(head size).</summary>
    /// <param name="layer">From 0.</param>
    public double QueryFactor(int layer) => (ScalesAttention ? 1 : Math.Sqrt(HeadSize)) / (ScalesByLayer ? layer + 1 : 1);

    /// <inheritdoc/>
    public override Gpt2Config WithDropout(double dropout) =>
        this with { ResidualDropout = dropout, AttentionDropout = dropout, EmbeddingDropout = dropout };

    internal static Gpt2Config Read(ConfigJson json)
    {
        json.Only("add_cross_attention", JsonValue.Create(false), "Cross-attention is not implemented.");
        if (json.IsSequenceClassifier && json.Json["problem_type"] is { } problem && problem.ToString() == "multi_label_classification")
        {
            throw json.Bad("problem_type", problem, "single_label_classification or regression: classes exclude each other here");
        }

        var config = new Gpt2Config
        {
            VocabularySize = json.Size("vocab_size"),
            Context = json.Size("n_positions"),
            HiddenSize = json.Size("n_embd"),
            Layers = json.Size("n_layer"),
            Heads = json.Size("n_head"),
            LayerNormEpsilon = json.Number("layer_norm_epsilon", 1e-5, 0, 1),
            Activation = json.Text("activation_function", Gelu),
            ScalesAttention = json.Flag(ScaleKey, absent: true),
            ScalesByLayer = json.Flag(ByLayerKey, absent: false),
            TiesHead = json.Flag(TieKey, absent: true),
            BosId = json.TokenId("bos_token_id"),
            EosId = json.TokenId("eos_token_id"),
            PadId = json.TokenId("pad_token_id"),
            Labels = json.IsSequenceClassifier ? json.Labels(MostWidth) : [],
            ResidualDropout = json.Dropout("resid_pdrop"),
            AttentionDropout = json.Dropout("attn_pdrop"),
            EmbeddingDropout = json.Dropout("embd_pdrop"),
            Source = json.Json.ToJsonString(),
        };
        return json.OptionalSize("n_inner") is { } inner ? config with { InnerSize = inner } : config;
    }

    internal override void Write(JsonObject json)
    {
        if (IsClassifier)
        {
            json["architectures"] = new JsonArray("GPT2ForSequenceClassification"); // not the language model's that it started from
            json["num_labels"] = Labels.Count;
            WriteLabels(json);
        }

        json["architectures"] ??= new JsonArray("GPT2LMHeadModel");
        json["n_positions"] = Context;
        json["n_ctx"] = Context;
        json["n_embd"] = HiddenSize;
        json["n_layer"] = Layers;
        json["n_head"] = Heads;
        if (_innerSize is not null)
        {
            json["n_inner"] = _innerSize;
        }

        json["layer_norm_epsilon"] = LayerNormEpsilon;
        json["activation_function"] = Activation;
        foreach ((string key, bool value, bool usual) in
            new[] { (ScaleKey, ScalesAttention, true), (ByLayerKey, ScalesByLayer, false), (TieKey, TiesHead, true) })
        {
            if (value != usual || json.ContainsKey(key))
            {
                json[key] = value;
            }
        }

        json["resid_pdrop"] = ConfigJson.Float(ResidualDropout);
        json["embd_pdrop"] = ConfigJson.Float(EmbeddingDropout);
        json["attn_pdrop"] = ConfigJson.Float(AttentionDropout);
    }

    internal override void Check(string file)
    {
        base.Check(file);
        RequireRange(file, "inner size", InnerSize, MostWidth);
        RequireDropout(file, "embedding dropout", EmbeddingDropout);
        CheckClassifier(file);
    }
}
