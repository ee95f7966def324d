using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>A network's shape, from <c>config.json</c> of the Hugging Face layout.</summary>
public abstract record ModelConfig
{
    private protected const int MostIds = 1 << 24;
    private const int MostLayers = 1024;
    private protected const int MostWidth = 1 << 18;

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // a file for people, never put into a page
    };

    /// <summary><c>model_type</c>, such as "gpt2" or "llama".</summary>
    public abstract string ModelType { get; }

    /// <summary>Rows of the token embedding.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The longest sequence in tokens.</summary>
    public required int Context { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Transformer blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>Attention heads; divides <see cref="HiddenSize"/>.</summary>
    public required int Heads { get; init; }

    /// <summary>Added to the variance in layer normalization.</summary>
    public double LayerNormEpsilon { get; init; } = 1e-5;

    /// <summary>Token that begins a text; null if the model has none.</summary>
    public int? BosId { get; init; }

    /// <summary>Token that ends a text; null if the model has none.</summary>
    public int? EosId { get; init; }

    /// <summary>
    /// Further tokens that end a text, such as the end of a turn in a chat model; empty for most models. <see cref="EosId"/> is the first of
    /// the list in <c>eos_token_id</c>.
    /// </summary>
    public IReadOnlyList<int> OtherEosIds { get; init; } = [];

    /// <summary>Token that pads short rows of a batch; null if the model has none.</summary>
    public int? PadId { get; init; }

    /// <summary>A classifier's labels in order of their ids; empty for a language model.</summary>
    public virtual IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Whether the model classifies texts; otherwise it generates them.</summary>
    public bool IsClassifier => Labels.Count > 0;

    /// <summary>
    /// Whether a classifier reads a text between its start and end tokens, as an encoder does. A language model with a head reads the
    /// text alone.
    /// </summary>
    public virtual bool WrapsTexts => false;

    /// <summary>Feed-forward activation, by its name in config.json. Default: the family's usual one.</summary>
    public string Activation
    {
        get => field ?? SupportedActivation;
        init;
    }

    /// <summary>Dropout of the residual stream while training, in [0, 1). Default 0.1.</summary>
    public double ResidualDropout { get; init; } = 0.1;

    /// <summary>Dropout of the attention weights while training, in [0, 1). Default 0.1.</summary>
    public double AttentionDropout { get; init; } = 0.1;

    /// <summary>Width of one attention head.</summary>
    public virtual int HeadSize => HiddenSize / Heads;

    /// <summary>Heads of keys and values. Query head h reads head h / (heads / this). As many as <see cref="Heads"/> unless they are grouped.</summary>
    public virtual int KeyValueHeads => Heads;

    /// <summary>The model's type in genai_config.json.</summary>
    public virtual string GenAiType => "decoder";

    private static string[] SupportedTypes => [Gpt2Config.Type, .. LlamaConfig.Types, GptNeoXConfig.Type, RobertaConfig.Type];

    /// <summary>The family's usual activation, by its name in config.json.</summary>
    internal abstract string SupportedActivation { get; }

    /// <summary>All activations that the family supports.</summary>
    internal virtual IReadOnlyList<string> SupportedActivations => [SupportedActivation];

    /// <summary>The JSON that this was read from. <see cref="Save"/> preserves its unknown keys.</summary>
    internal string? Source { get; init; }

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <param name="folder">A model folder.</param>
    /// <exception cref="CheckpointException">The file is missing, malformed, or has an unsupported architecture or setting.</exception>
    public static ModelConfig Load(string folder)
    {
        var json = ConfigJson.Read(Path.Combine(folder, ModelFiles.Config));
        string type = json.Text("model_type", "");
        ModelConfig config = type switch
        {
            Gpt2Config.Type => Gpt2Config.Read(json),
            RobertaConfig.Type => RobertaConfig.Read(json),
            GptNeoXConfig.Type => GptNeoXConfig.Read(json),
            _ when LlamaConfig.Types.Contains(type) => LlamaConfig.Read(json, type),
            _ => throw new CheckpointException(
                $"{json.File}: model_type is '{type}'; supported are '{string.Join("', '", SupportedTypes)}'. Choose a model of these families."),
        };
        config.Check(json.File);
        return config;
    }

    /// <summary>Reads <c>config.json</c> and requires a given family.</summary>
    /// <typeparam name="T">The expected family.</typeparam>
    /// <param name="folder">A model folder.</param>
    public static T Load<T>(string folder)
        where T : ModelConfig
    {
        var config = Load(folder);
        return config as T ?? throw new CheckpointException(
            $"{Path.Combine(folder, ModelFiles.Config)}: model_type is '{config.ModelType}'; here a {typeof(T).Name[..^"Config".Length]} model is needed.");
    }

    /// <summary>A copy with the same probability for all dropouts.</summary>
    /// <param name="dropout">In [0, 1).</param>
    public abstract ModelConfig WithDropout(double dropout);

    /// <summary>Writes <c>config.json</c>. Keeps unknown keys of the original file.</summary>
    /// <param name="folder">A model folder; created if missing.</param>
    /// <param name="weights">Type of the stored weights, for the key <c>dtype</c>.</param>
    public void Save(string folder, WeightType weights = WeightType.F32)
    {
        string file = Path.Combine(folder, ModelFiles.Config);
        Check(file);
        var json = Source is null ? [] : (JsonObject)JsonNode.Parse(Source)!;
        json["model_type"] = ModelType;
        json["vocab_size"] = VocabularySize;
        json.Remove("torch_dtype");                         // the older name of dtype
        json["dtype"] = weights == WeightType.F16 ? "float16" : "float32";
        Put(json, "bos_token_id", BosId);
        Put(json, "eos_token_id", EosId);
        if (OtherEosIds.Count > 0)
        {
            json["eos_token_id"] = new JsonArray([.. OtherEosIds.Prepend(EosId!.Value).Select(id => JsonValue.Create(id))]);
        }

        Put(json, "pad_token_id", PadId);
        Write(json);
        AtomicFile.WriteText(file, json.ToJsonString(Indented) + "\n");
    }

    internal abstract void Write(JsonObject json);

    /// <summary>Checks the rules of all families. Each family adds its own.</summary>
    internal virtual void Check(string file)
    {
        foreach (var (name, value, most) in new[]
        {
            ("vocabulary size", VocabularySize, MostIds), ("context", Context, MostIds), ("hidden size", HiddenSize, MostWidth),
            ("layers", Layers, MostLayers), ("heads", Heads, MostWidth),
        })
        {
            RequireRange(file, name, value, most);
        }

        CheckHeads(file);
        if (OtherEosIds.Count > 0 && EosId is null)
        {
            throw new CheckpointException($"{file}: further ends of a text are {string.Join(", ", OtherEosIds)}, but there is no first one. Set EosId.");
        }

        (string, int?)[] ends = [.. OtherEosIds.Select(id => ("eos_token_id", (int?)id))];
        foreach (var (name, id) in new[] { ("bos_token_id", BosId), ("eos_token_id", EosId), ("pad_token_id", PadId) }.Concat(ends))
        {
            if (id >= VocabularySize || id < 0)
            {
                throw new CheckpointException($"{file}: {name} is {id}, outside the vocabulary of {VocabularySize} tokens.");
            }
        }

        if (!SupportedActivations.Contains(Activation))
        {
            throw new CheckpointException($"{file}: activation is '{Activation}'; supported: {string.Join(", ", SupportedActivations)}.");
        }

        RequireDropout(file, "residual dropout", ResidualDropout);
        RequireDropout(file, "attention dropout", AttentionDropout);
    }

    /// <summary>Checks that the heads fit. Called once their number is in range.</summary>
    private protected virtual void CheckHeads(string file)
    {
        if (HiddenSize % Heads != 0)
        {
            throw new CheckpointException($"{file}: hidden size {HiddenSize} does not divide into {Heads} heads; make it a multiple.");
        }
    }

    /// <summary>Checks what a decoder needs to be a classifier: a padding id, and labels of different names.</summary>
    private protected void CheckClassifier(string file)
    {
        if (IsClassifier && PadId is null)
        {
            throw new CheckpointException(
                $"{file}: pad_token_id is missing; a classifier reads the last token that is not padding. Add the id that pads, mostly that of eos_token_id.");
        }

        if (Labels.Distinct(StringComparer.Ordinal).Count() != Labels.Count)
        {
            throw new CheckpointException($"{file}: labels are '{string.Join("', '", Labels)}'; no two may be the same.");
        }
    }

    /// <summary>Limits a size before anything is allocated with it.</summary>
    private protected static void RequireRange(string file, string name, int value, int most)
    {
        if (value < 1 || value > most)
        {
            throw new CheckpointException($"{file}: {name} is {value}; it must be from 1 to {most}.");
        }
    }

    private protected static void RequireDropout(string file, string name, double value)
    {
        if (value is not (>= 0 and < 1))
        {
            throw new CheckpointException($"{file}: {name} is {value}; it must be 0 or more and below 1.");
        }
    }

    /// <summary>Writes the labels by id and by name.</summary>
    private protected void WriteLabels(JsonObject json)
    {
        var names = new JsonObject();
        var ids = new JsonObject();
        for (int i = 0; i < Labels.Count; i++)
        {
            names[$"{i}"] = Labels[i];
            ids[Labels[i]] = i;
        }

        json["id2label"] = names;
        json["label2id"] = ids;
    }

    private static void Put(JsonObject json, string key, int? value)
    {
        if (value is not null || json.ContainsKey(key))
        {
            json[key] = value;
        }
    }
}
