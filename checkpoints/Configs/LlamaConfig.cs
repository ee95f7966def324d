using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>
/// Shape of the decoders built like Llama: RMS normalization, rotary positions, grouped key and value heads, a gated feed-forward layer.
/// <c>llama</c> (SmolLM and TinyLlama too), <c>mistral</c>, <c>qwen2</c> and <c>qwen3</c> differ by a few settings. With
/// <see cref="ModelConfig.Labels"/> it is a classifier, as <see cref="Gpt2Config"/> says.
/// </summary>
public sealed record LlamaConfig : ModelConfig
{
    internal const string Llama = "llama", Mistral = "mistral", Qwen2 = "qwen2", Qwen3 = "qwen3";
    internal const string Silu = "silu";
    private const int DefaultWindow = 4096;                  // of Mistral where the key is absent, as in transformers' MistralConfig
    private const string FullAttention = "full_attention", WindowedAttention = "sliding_attention";
    private readonly int? _headSize, _keyValueHeads;

    /// <summary>The values of <c>model_type</c>.</summary>
    public static IReadOnlyList<string> Types { get; } = [Llama, Mistral, Qwen2, Qwen3];

    /// <summary><c>model_type</c>: one of <see cref="Types"/>. It decides where biases and normalizations are.</summary>
    public required string Family { get; init; }

    /// <inheritdoc/>
    public override string ModelType => Family;

    /// <inheritdoc/>
    public override string GenAiType => Family;

    /// <inheritdoc/>
    public override int HeadSize => _headSize ?? (HiddenSize / Heads);

    /// <summary>Sets <see cref="HeadSize"/> (<c>head_dim</c>), which need not be hidden size / heads; null: that quotient.</summary>
    public int? ExplicitHeadSize
    {
        get => _headSize;
        init => _headSize = value;
    }

    /// <inheritdoc/>
    public override int KeyValueHeads => _keyValueHeads ?? Heads;

    /// <summary>Sets <see cref="KeyValueHeads"/> (<c>num_key_value_heads</c>), which divides the heads; null: as many as heads.</summary>
    public int? GroupedHeads
    {
        get => _keyValueHeads;
        init => _keyValueHeads = value;
    }

    /// <summary>Width inside the feed-forward layer (<c>intermediate_size</c>).</summary>
    public required int InnerSize { get; init; }

    /// <summary>Frequencies of the positions.</summary>
    public RotaryPositions Rotary { get; init; } = new();

    /// <summary>Whether the four attention products have biases (<c>attention_bias</c> of llama and qwen3). Default false.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>Whether the feed-forward products have biases (<c>mlp_bias</c> of llama). Default false.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>Tokens that a token sees, itself included (<c>sliding_window</c> of mistral); null: all earlier ones.</summary>
    public int? Window { get; init; }

    /// <summary>Whether the output matrix is the token embedding (<c>tie_word_embeddings</c>). Default false.</summary>
    public bool TiesHead { get; init; }

    /// <summary>Whether queries, keys and values have biases: <see cref="AttentionBias"/>, and always in qwen2.</summary>
    public bool QueryBias => AttentionBias || Family == Qwen2;

    /// <summary>Whether each head of queries and keys is normalized before it is turned, as in qwen3.</summary>
    public bool NormalizesHeads => Family == Qwen3;

    /// <summary>Whether the model has an output matrix of its own.</summary>
    public bool HasHead => !TiesHead && !IsClassifier;

    internal override string SupportedActivation => Silu;

    /// <inheritdoc/>
    /// <remarks>These models drop only attention weights.</remarks>
    public override LlamaConfig WithDropout(double dropout) => this with { AttentionDropout = dropout };

    internal static LlamaConfig Read(ConfigJson json, string family)
    {
        json.RefuseManyLabels();
        json.Only("hidden_act", JsonValue.Create(Silu), "Other activations are not implemented.");
        json.Only("use_sliding_window", JsonValue.Create(false), "Layers with and without a window in one model are not implemented.");
        bool hasBias = family is Llama or Qwen3;
        RefuseBias(json, "attention_bias", hasBias);
        RefuseBias(json, "mlp_bias", family == Llama);
        int? keyValueHeads = json.OptionalSize("num_key_value_heads");
        if (keyValueHeads is null && family != Llama)
        {
            keyValueHeads = json.Size("num_key_value_heads");  // absent, the number differs from family to family in transformers
        }

        int? window = family == Mistral ? ReadWindow(json) : null;
        CheckLayerTypes(json, window);
        int[] ends = json.TokenIds("eos_token_id");
        return new LlamaConfig
        {
            Family = family,
            VocabularySize = json.Size("vocab_size"),
            Context = json.Size("max_position_embeddings"),
            HiddenSize = json.Size("hidden_size"),
            Layers = json.Size("num_hidden_layers"),
            Heads = json.Size("num_attention_heads"),
            GroupedHeads = keyValueHeads,
            ExplicitHeadSize = json.OptionalSize("head_dim"),
            InnerSize = json.Size("intermediate_size"),
            LayerNormEpsilon = json.Number("rms_norm_eps", 1e-6, 0, 1),
            Rotary = RotaryPositions.Read(json),
            AttentionBias = hasBias && json.Flag("attention_bias", absent: false),
            FeedForwardBias = family == Llama && json.Flag("mlp_bias", absent: false),
            Window = window,
            TiesHead = json.Flag("tie_word_embeddings", absent: false),
            BosId = json.TokenId("bos_token_id"),
            EosId = ends.Length > 0 ? ends[0] : null,
            OtherEosIds = ends.Length > 1 ? ends[1..] : [],
            PadId = json.TokenId("pad_token_id"),
            Labels = json.IsSequenceClassifier ? json.Labels(MostWidth) : [],
            AttentionDropout = json.Dropout("attention_dropout", absent: 0),
            ResidualDropout = 0,
            Source = json.Json.ToJsonString(),
        };
    }

    internal override void Write(JsonObject json)
    {
        string name = Family switch { Llama => "Llama", Mistral => "Mistral", Qwen2 => "Qwen2", _ => "Qwen3" };
        if (IsClassifier)
        {
            json["architectures"] = new JsonArray($"{name}ForSequenceClassification");
            json["num_labels"] = Labels.Count;
            WriteLabels(json);
        }

        json["architectures"] ??= new JsonArray($"{name}ForCausalLM");
        json["hidden_size"] = HiddenSize;
        json["num_hidden_layers"] = Layers;
        json["num_attention_heads"] = Heads;
        json["num_key_value_heads"] = KeyValueHeads;
        json["head_dim"] = HeadSize;
        json["intermediate_size"] = InnerSize;
        json["max_position_embeddings"] = Context;
        json["hidden_act"] = Activation;
        json["rms_norm_eps"] = LayerNormEpsilon;
        json["tie_word_embeddings"] = TiesHead;
        json["attention_dropout"] = ConfigJson.Float(AttentionDropout);
        Rotary.Write(json);
        if (Family is Llama or Qwen3)
        {
            json["attention_bias"] = AttentionBias;
        }

        if (Family == Llama)
        {
            json["mlp_bias"] = FeedForwardBias;
        }

        if (Family == Mistral)
        {
            json["sliding_window"] = Window;
        }
    }

    internal override void Check(string file)
    {
        base.Check(file);
        RequireRange(file, "intermediate size", InnerSize, MostWidth);
        RequireRange(file, "window", Window ?? 1, MostIds);
        if (!Types.Contains(Family) || (AttentionBias && Family is not (Llama or Qwen3)) || (FeedForwardBias && Family != Llama) || (Window is not null && Family != Mistral))
        {
            throw new CheckpointException(
                $"{file}: model_type '{Family}' has no such model; biases belong to '{Llama}' and '{Qwen3}', a window to '{Mistral}'. Choose one of {string.Join(", ", Types)}.");
        }

        CheckClassifier(file);
    }

    private protected override void CheckHeads(string file)
    {
        if (_headSize is null)
        {
            base.CheckHeads(file);
        }

        RequireRange(file, "head size", HeadSize, MostWidth);
        RequireRange(file, "key and value heads", KeyValueHeads, Heads);
        if ((long)Heads * HeadSize > MostWidth || HeadSize % 2 != 0 || Heads % KeyValueHeads != 0)
        {
            throw new CheckpointException(
                $"{file}: {Heads} heads of {HeadSize} numbers with {KeyValueHeads} key and value heads do not fit; "
                + $"head_dim must be even, num_key_value_heads must divide the heads, and all heads together have at most {MostWidth} numbers.");
        }
    }

    private static void RefuseBias(ConfigJson json, string key, bool known)
    {
        if (!known)
        {
            json.Only(key, JsonValue.Create(false), "This family has no such bias.");
        }
    }

    private static int? ReadWindow(ConfigJson json) =>
        json.Json.ContainsKey("sliding_window") ? json.OptionalSize("sliding_window") : DefaultWindow;

    // transformers 5 lists the kind of each layer; all layers here are of one kind.
    private static void CheckLayerTypes(ConfigJson json, int? window)
    {
        string expected = window is null ? FullAttention : WindowedAttention;
        if (json.Json["layer_types"] is JsonArray kinds && kinds.FirstOrDefault(kind => kind?.ToString() != expected) is { } other)
        {
            throw new CheckpointException($"{json.File}: layer_types holds {other.ToJsonString()}; here every layer is '{expected}'. Other mixtures are not implemented.");
        }
    }
}
