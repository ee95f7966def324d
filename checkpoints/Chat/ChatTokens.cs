using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>The special tokens that a template knows by name.</summary>
/// <param name="Named">Name, for example <c>bos_token</c>, and text.</param>
/// <param name="Additional">The list <c>additional_special_tokens</c>.</param>
internal sealed record ChatTokens(IReadOnlyDictionary<string, string> Named, IReadOnlyList<string> Additional)
{
    private const long LargestFile = 16L << 20;
    private static readonly string[] Names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>The token that unknown characters become; null if there is none or it also has another meaning, as in GPT-2.</summary>
    public string? Unknown => Named.GetValueOrDefault("unk_token") is { } unknown
        && Named.Values.Count(token => token == unknown) == 1 && !Additional.Contains(unknown) ? unknown : null;

    /// <summary>Reads tokenizer_config.json, else special_tokens_map.json.</summary>
    public static ChatTokens Read(string folder)
    {
        JsonObject? config = Json(folder, ModelFiles.TokenizerConfig), map = Json(folder, ModelFiles.SpecialTokensMap);
        var named = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string name in Names)
        {
            if ((Token(config?[name]) ?? (config?.ContainsKey(name) == true ? null : Token(map?[name]))) is { } token)
            {
                named[name] = token;
            }
        }

        var additional = (config?["additional_special_tokens"] ?? map?["additional_special_tokens"]) as JsonArray;
        return new ChatTokens(named, [.. (additional ?? []).Select(Token).OfType<string>()]);
    }

    private static JsonObject? Json(string folder, string name)
    {
        string file = Path.Combine(folder, name);
        return File.Exists(file) ? ConfigJson.Read(file, LargestFile).Json : null;
    }

    /// <summary>A token, written as a text or as an object with content.</summary>
    private static string? Token(JsonNode? node) =>
        (node is JsonObject detailed ? detailed["content"] : node) is JsonValue value && value.TryGetValue(out string? text) ? text : null;
}
