using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>Settings in the files beside a tokenizer. They override the tokenizer's own file, as in Hugging Face's tokenizers.</summary>
/// <param name="EndOfText">The token that ends a text; null if not set.</param>
/// <param name="AddPrefixSpace">Whether a text that does not start with a space gets one; null if not set.</param>
internal sealed record TokenizerSettings(string? EndOfText, bool? AddPrefixSpace)
{
    private const long LargestFile = 16L << 20;             // both files may list every added token

    /// <summary>The token that starts a text; null if not set.</summary>
    public string? StartOfText { get; init; }

    /// <summary>Whether the class adds <see cref="StartOfText"/> to texts; null if not set.</summary>
    public bool? AddBos { get; init; }

    /// <summary>Whether the class adds <see cref="EndOfText"/> to texts; null if not set.</summary>
    public bool? AddEos { get; init; }

    /// <summary>Name of the class in transformers; null if not set.</summary>
    public string? Class { get; init; }

    /// <summary>Id and flags of added tokens.</summary>
    public IReadOnlyList<KeyValuePair<string, JsonNode?>> AddedTokens { get; init; } = [];

    /// <summary>Reads tokenizer_config.json and special_tokens_map.json, if they exist.</summary>
    public static TokenizerSettings Read(string folder)
    {
        JsonObject? settings = Json(folder, ModelFiles.TokenizerConfig), map = Json(folder, ModelFiles.SpecialTokensMap);
        string? Role(string name) => Token(settings?[name]) ?? Token(map?[name]);
        return new TokenizerSettings(Role("eos_token"), TokenizerJson.Flag(settings?["add_prefix_space"]))
        {
            StartOfText = Role("bos_token"),
            AddBos = TokenizerJson.Flag(settings?["add_bos_token"]),
            AddEos = TokenizerJson.Flag(settings?["add_eos_token"]),
            Class = TokenizerJson.Text(settings?["tokenizer_class"]),
            AddedTokens = [.. settings?["added_tokens_decoder"] as JsonObject ?? []],
        };
    }

    /// <summary>Writes the model's context to tokenizer_config.json, for other programs.</summary>
    public static void WriteContext(string folder, int context)
    {
        var settings = Json(folder, ModelFiles.TokenizerConfig) ?? [];
        settings["model_max_length"] = context;
        AtomicFile.WriteText(Path.Combine(folder, ModelFiles.TokenizerConfig), settings.ToJsonString(TokenizerWriter.Layout) + "\n");
    }

    private static JsonObject? Json(string folder, string name)
    {
        string file = Path.Combine(folder, name);
        return File.Exists(file) ? ConfigJson.Read(file, LargestFile).Json : null;
    }

    /// <summary>A token, written as a string or as an object with content.</summary>
    private static string? Token(JsonNode? node) => TokenizerJson.Text(node is JsonObject detailed ? detailed["content"] : node);
}
