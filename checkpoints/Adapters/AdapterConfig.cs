using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>The settings of a LoRA adapter (arXiv:2106.09685): adapter_config.json of a folder in PEFT's layout.</summary>
/// <example><c>var config = AdapterConfig.Load("runs/dpo/model/adapter"); double scale = config.Scale;</c></example>
public sealed record AdapterConfig
{
    /// <summary>The settings' file.</summary>
    public const string FileName = "adapter_config.json";

    /// <summary>The weights' file.</summary>
    public const string WeightsName = "adapter_model.safetensors";

    private const string TorchWeightsName = "adapter_model.bin";
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Rank r of every change of a weight, at least 1. PEFT's <c>r</c>.</summary>
    public required int Rank { get; init; }

    /// <summary>α: a change is multiplied by α/r, or by α/√r with <see cref="UsesRsLora"/>.</summary>
    public required double Alpha { get; init; }

    /// <summary>Probability of zeroing an input of the adapter in training.</summary>
    /// <value>The default is 0.</value>
    public double Dropout { get; init; }

    /// <summary>Whether the scale is α/√r (rsLoRA, arXiv:2312.03732).</summary>
    /// <value>The default is false.</value>
    public bool UsesRsLora { get; init; }

    /// <summary>Whether the base stores its weights as [in,out], as GPT-2 does.</summary>
    /// <value>The default is false.</value>
    public bool IsTransposed { get; init; }

    /// <summary>Names of the layers that have an adapter: full paths, or the ends of paths.</summary>
    public required IReadOnlyList<string> TargetModules { get; init; }

    /// <summary>Names of the layers that were trained in full, such as the head of a classifier.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<string> SavedModules { get; init; } = [];

    /// <summary>Folder or hub name of the base model; null if the file names none.</summary>
    public string? Base { get; init; }

    /// <summary>Whether the base is a classifier of sequences rather than a language model.</summary>
    /// <value>The default is false.</value>
    public bool IsClassifier { get; init; }

    /// <summary>The factor of B·A.</summary>
    public double Scale => Alpha / (UsesRsLora ? Math.Sqrt(Rank) : Rank);

    /// <summary>Whether a folder holds an adapter rather than a model.</summary>
    /// <param name="folder">Any folder.</param>
    public static bool IsAdapter(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Opens an adapter's weights.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <exception cref="CheckpointException">The folder holds no adapter weights, or damaged ones.</exception>
    public static Weights OpenWeights(string folder)
    {
        string? found = Array.Find([WeightsName, TorchWeightsName], name => File.Exists(Path.Combine(folder, name)));
        return found is null
            ? throw new CheckpointException($"{folder}: holds no adapter weights; looked for {WeightsName}, {TorchWeightsName}. Check the path.")
            : Weights.OpenFile(Path.Combine(folder, found));
    }

    /// <summary>Reads a folder's settings. Refuses settings that would change the arithmetic in an unsupported way.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <exception cref="CheckpointException">The file is missing, damaged, or describes another kind of adapter.</exception>
    public static AdapterConfig Load(string folder)
    {
        string file = Path.Combine(folder, FileName);
        if (!File.Exists(file))
        {
            throw new CheckpointException($"{folder}: holds no {FileName}. Give a folder that PEFT or a run with lora wrote.");
        }

        var json = ConfigJson.Read(file);
        RefuseOthers(json);
        return new AdapterConfig
        {
            Rank = json.Size("r"),
            Alpha = json.Number("lora_alpha", 8, double.Epsilon, double.MaxValue),
            Dropout = json.Dropout("lora_dropout", 0),
            UsesRsLora = json.Flag("use_rslora", false),
            IsTransposed = json.Flag("fan_in_fan_out", false),
            TargetModules = Names(json, "target_modules"),
            SavedModules = Names(json, "modules_to_save"),
            Base = json.Text("base_model_name_or_path", string.Empty) is { Length: > 0 } model ? model : null,
            IsClassifier = json.Text("task_type", string.Empty) == "SEQ_CLS",
        };
    }

    /// <summary>Writes the file with the keys of PEFT 0.15. Older and newer versions read it.</summary>
    /// <param name="folder">The adapter's folder.</param>
    public void Save(string folder)
    {
        var json = new JsonObject
        {
            ["alpha_pattern"] = new JsonObject(),
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = Base,
            ["bias"] = "none",
            ["exclude_modules"] = null,
            ["fan_in_fan_out"] = IsTransposed,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["layers_pattern"] = null,
            ["layers_to_transform"] = null,
            ["lora_alpha"] = Alpha == Math.Truncate(Alpha) ? (long)Alpha : Alpha,
            ["lora_bias"] = false,
            ["lora_dropout"] = ConfigJson.Float(Dropout),
            ["modules_to_save"] = SavedModules.Count == 0 ? null : new JsonArray([.. SavedModules.Select(name => JsonValue.Create(name))]),
            ["peft_type"] = "LORA",
            ["r"] = Rank,
            ["rank_pattern"] = new JsonObject(),
            ["revision"] = null,
            ["target_modules"] = new JsonArray([.. TargetModules.Order(StringComparer.Ordinal).Select(name => JsonValue.Create(name))]),
            ["task_type"] = IsClassifier ? "SEQ_CLS" : "CAUSAL_LM",
            ["use_dora"] = false,
            ["use_rslora"] = UsesRsLora,
        };
        AtomicFile.WriteText(Path.Combine(folder, FileName), json.ToJsonString(Indented));
    }

    private static void RefuseOthers(ConfigJson json)
    {
        if (json.Text("peft_type", "LORA") is not "LORA" and var type)
        {
            throw new CheckpointException($"{json.File}: key 'peft_type' is '{type}'; only LORA is supported. Merge the adapter with PEFT first.");
        }

        const string Why = "Merge the adapter with PEFT first.";
        json.Only("use_dora", JsonValue.Create(false), Why);
        json.Only("lora_bias", JsonValue.Create(false), Why);
        json.Only("bias", JsonValue.Create("none"), Why);
        foreach (string key in (string[])["rank_pattern", "alpha_pattern"])
        {
            if (json.Json[key] is { } pattern && pattern is not JsonObject { Count: 0 })
            {
                throw json.Bad(key, pattern, "empty: every layer has the same rank and alpha here");
            }
        }

        foreach (string key in (string[])["layer_replication", "trainable_token_indices", "target_parameters"])
        {
            if (json.Json[key] is { } value && value is not JsonArray { Count: 0 })
            {
                throw json.Bad(key, value, "null, as it changes more than linear layers. " + Why);
            }
        }
    }

    /// <summary>A list of names, or one; a missing list is empty. The names of weights decide which layers have an adapter.</summary>
    private static IReadOnlyList<string> Names(ConfigJson json, string key) => json.Json[key] switch
    {
        null => [],
        JsonValue one => [json.Text(key, string.Empty)],
        JsonArray list when list.All(node => node is JsonValue value && value.TryGetValue(out string? _)) =>
            [.. list.Select(node => (string)node!)],
        var other => throw json.Bad(key, other, "a list of names"),
    };
}
