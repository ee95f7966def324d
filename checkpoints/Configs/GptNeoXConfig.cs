using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>
/// Shape of a GPT-NeoX, such as Pythia: layer normalization, rotary positions on a part of each head, attention and feed-forward side by
/// side, an output matrix of its own. With <see cref="ModelConfig.Labels"/> it is a classifier, as <see cref="Gpt2Config"/> says.
/// </summary>
public sealed record GptNeoXConfig : ModelConfig
{
    internal const string Type = "gpt_neox";
    internal const string Gelu = "gelu";
    private const double UsualPart = 0.25;
    private const string PartKey = "rotary_pct", ThetaKey = "rotary_emb_base", ParallelKey = "use_parallel_residual";

    /// <inheritdoc/>
    public override string ModelType => Type;

    /// <summary>Width inside the feed-forward layer (<c>intermediate_size</c>).</summary>
    public required int InnerSize { get; init; }

    /// <summary>Frequencies of the positions.</summary>
    public RotaryPositions Rotary { get; init; } = new();

    /// <summary>Share of each head's numbers that turn (<c>rotary_pct</c>), above 0 and at most 1. Default 0.25.</summary>
    public double RotaryPart { get; init; } = UsualPart;

    /// <summary>Numbers of a head that turn, from the first on.</summary>
    public int RotarySize => (int)(HeadSize * RotaryPart);

    /// <summary>Whether attention and feed-forward read the same state (<c>use_parallel_residual</c>). Default true.</summary>
    public bool IsParallel { get; init; } = true;

    internal override string SupportedActivation => Gelu;

    /// <inheritdoc/>
    public override GptNeoXConfig WithDropout(double dropout) => this with { ResidualDropout = dropout, AttentionDropout = dropout };

    internal static GptNeoXConfig Read(ConfigJson json)
    {
        json.RefuseManyLabels();
        json.Only("hidden_act", JsonValue.Create(Gelu), "Other activations are not implemented.");
        json.Only("attention_bias", JsonValue.Create(true), "Attention without biases is not implemented.");
        json.Only("tie_word_embeddings", JsonValue.Create(false), "An output matrix tied to the embedding is not implemented for this family.");
        int[] ends = json.TokenIds("eos_token_id");
        return new GptNeoXConfig
        {
            VocabularySize = json.Size("vocab_size"),
            Context = json.Size("max_position_embeddings"),
            HiddenSize = json.Size("hidden_size"),
            Layers = json.Size("num_hidden_layers"),
            Heads = json.Size("num_attention_heads"),
            InnerSize = json.Size("intermediate_size"),
            LayerNormEpsilon = json.Number("layer_norm_eps", 1e-5, 0, 1),
            Rotary = RotaryPositions.Read(json, ThetaKey, turnsInPart: true),
            RotaryPart = RotaryPositions.Part(json, PartKey, UsualPart),
            IsParallel = json.Flag(ParallelKey, absent: true),
            BosId = json.TokenId("bos_token_id"),
            EosId = ends.Length > 0 ? ends[0] : null,
            OtherEosIds = ends.Length > 1 ? ends[1..] : [],
            PadId = json.TokenId("pad_token_id"),
            Labels = json.IsSequenceClassifier ? json.Labels(MostWidth) : [],
            AttentionDropout = json.Dropout("attention_dropout", absent: 0),
            ResidualDropout = json.Dropout("hidden_dropout", absent: 0),
            Source = json.Json.ToJsonString(),
        };
    }

    internal override void Write(JsonObject json)
    {
        if (IsClassifier)
        {
            json["architectures"] = new JsonArray("GPTNeoXForSequenceClassification");
            json["num_labels"] = Labels.Count;
            WriteLabels(json);
        }

        json["architectures"] ??= new JsonArray("GPTNeoXForCausalLM");
        json["hidden_size"] = HiddenSize;
        json["num_hidden_layers"] = Layers;
        json["num_attention_heads"] = Heads;
        json["intermediate_size"] = InnerSize;
        json["max_position_embeddings"] = Context;
        json["hidden_act"] = Activation;
        json["layer_norm_eps"] = LayerNormEpsilon;
        json["tie_word_embeddings"] = false;
        json[ParallelKey] = IsParallel;
        json["attention_dropout"] = ConfigJson.Float(AttentionDropout);
        json["hidden_dropout"] = ConfigJson.Float(ResidualDropout);
        Rotary.Write(json, ThetaKey, PartKey, RotaryPart);
    }

    internal override void Check(string file)
    {
        base.Check(file);
        RequireRange(file, "intermediate size", InnerSize, MostWidth);
        if (RotarySize < 2 || RotarySize % 2 != 0 || RotarySize > HeadSize)
        {
            throw new CheckpointException($"{file}: {PartKey} is {RotaryPart}, which turns {RotarySize} of {HeadSize} numbers of a head; it must give an even number from 2 on.");
        }

        CheckClassifier(file);
    }
}
