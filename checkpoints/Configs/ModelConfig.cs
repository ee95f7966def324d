using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>A network's shape, as <c>config.json</c> of the Hugging Face layout gives it.</summary>
public abstract record ModelConfig
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // a file for people, never put into a page
    };

    /// <summary><c>model_type</c>: "gpt2" or "roberta".</summary>
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

    /// <summary>Token that begins a text, where the model has one.</summary>
    public int? BosId { get; init; }

    /// <summary>Token that ends a text, where the model has one.</summary>
    public int? EosId { get; init; }

    /// <summary>Token that fills short rows of a batch, where the model has one.</summary>
    public int? PadId { get; init; }

    /// <summary>Feed-forward activation; a family supports its own (<see cref="SupportedActivation"/>) alone, and that is the default.</summary>
    public string Activation
    {
        get => field ?? SupportedActivation;
        init;
    }

    /// <summary>Dropout while training, everywhere the family has one, in [0, 1). Default 0.1.</summary>
    public double Dropout { get; init; } = 0.1;

    /// <summary>Width of one attention head.</summary>
    public int HeadSize => HiddenSize / Heads;

    /// <summary>The one activation that is implemented for the family, under its name in config.json.</summary>
    internal abstract string SupportedActivation { get; }

    /// <summary>The file this was read from, kept so that <see cref="Save"/> preserves keys unknown here.</summary>
    internal string? Source { get; init; }

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <param name="folder">A model folder.</param>
    /// <exception cref="CheckpointException">Missing, malformed, or of an architecture or setting that is not supported.</exception>
    public static ModelConfig Load(string folder)
    {
        var json = ConfigJson.Read(Path.Combine(folder, ModelFiles.Config));
        string type = json.Text("model_type", "");
        ModelConfig config = type switch
        {
            Gpt2Config.Type => Gpt2Config.Read(json),
            RobertaConfig.Type => RobertaConfig.Read(json),
            _ => throw new CheckpointException(
                $"{json.File}: model_type is '{type}'; supported are '{Gpt2Config.Type}' and '{RobertaConfig.Type}'. Choose a model of these families."),
        };
        config.Check(json.File);
        return config;
    }

    /// <summary>Reads <c>config.json</c> of a folder that must hold a given family.</summary>
    /// <typeparam name="T">The family expected.</typeparam>
    /// <param name="folder">A model folder.</param>
    public static T Load<T>(string folder)
        where T : ModelConfig
    {
        var config = Load(folder);
        return config as T ?? throw new CheckpointException(
            $"{Path.Combine(folder, ModelFiles.Config)}: model_type is '{config.ModelType}'; here a {typeof(T).Name[..^"Config".Length]} model is needed.");
    }

    /// <summary>Writes <c>config.json</c>, keeping keys of the file it was read from that mean nothing here.</summary>
    /// <param name="folder">A model folder; made where it is missing.</param>
    public void Save(string folder)
    {
        string file = Path.Combine(folder, ModelFiles.Config);
        Check(file);
        var json = Source is null ? [] : (JsonObject)JsonNode.Parse(Source)!;
        json["model_type"] = ModelType;
        json["vocab_size"] = VocabularySize;
        Put(json, "bos_token_id", BosId);
        Put(json, "eos_token_id", EosId);
        Put(json, "pad_token_id", PadId);
        Write(json);
        AtomicFile.WriteText(file, json.ToJsonString(Indented) + "\n");
    }

    internal abstract void Write(JsonObject json);

    /// <summary>What every family demands; a family adds its own.</summary>
    internal virtual void Check(string file)
    {
        foreach (var (name, value) in new[]
        {
            ("vocabulary size", VocabularySize), ("context", Context), ("hidden size", HiddenSize), ("layers", Layers), ("heads", Heads),
        })
        {
            if (value < 1)
            {
                throw new CheckpointException($"{file}: {name} is {value}; it must be at least 1.");
            }
        }

        if (HiddenSize % Heads != 0)
        {
            throw new CheckpointException($"{file}: hidden size {HiddenSize} does not divide into {Heads} heads; make it a multiple.");
        }

        foreach (var (name, id) in new[] { ("bos_token_id", BosId), ("eos_token_id", EosId), ("pad_token_id", PadId) })
        {
            if (id >= VocabularySize || id < 0)
            {
                throw new CheckpointException($"{file}: {name} is {id}, outside the vocabulary of {VocabularySize} tokens.");
            }
        }

        if (Activation != SupportedActivation)
        {
            throw new CheckpointException($"{file}: activation is '{Activation}'; only '{SupportedActivation}' is supported.");
        }

        if (Dropout is not (>= 0 and < 1))
        {
            throw new CheckpointException($"{file}: dropout is {Dropout}; it must be 0 or more and below 1.");
        }
    }

    private static void Put(JsonObject json, string key, int? value)
    {
        if (value is not null || json.ContainsKey(key))
        {
            json[key] = value;
        }
    }
}
