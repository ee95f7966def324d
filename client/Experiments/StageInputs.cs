using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Pairs;

namespace Rudder.Client.Experiments;

/// <summary>What stages depend on, as JSON: settings by value, files and models by the hash of their content.</summary>
internal sealed class StageInputs
{
    private static readonly string[] RecipeFileKeys = ["data.files", "data.exclude_pairs", "data.exclude_texts", "data.exclude_ids"];

    private readonly Dictionary<string, string> _models = [];

    /// <summary>A prompt source and the content of its files.</summary>
    public static JsonObject Prompts(PromptSource source) =>
        new()
        {
            ["source"] = StrictJson.ToNode(source),
            ["sha256"] = ContentHash.OfFile(source.File),
            ["exclude_sha256"] = new JsonArray([.. (source.Exclude ?? []).Select(file => (JsonNode)ContentHash.OfFile(file))]),
        };

    /// <summary>A recipe's values; its layout and comments do not count.</summary>
    public static JsonNode Recipe(string path)
    {
        if (!File.Exists(path))
        {
            throw new BadInputException(
                $"The recipe {Path.GetFullPath(path)} does not exist. Recipe paths are relative to the current folder.");
        }

        return StrictJson.Read<JsonNode>(path);
    }

    /// <summary>Hashes of the texts and of the tokenizer that a recipe names, by key; its model is hashed apart.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="set">Values that take the place of the recipe's, by dotted path.</param>
    public static JsonObject RecipeFiles(JsonNode recipe, IReadOnlyDictionary<string, JsonNode> set)
    {
        JsonObject hashes = [];
        foreach (string key in RecipeFileKeys)
        {
            JsonNode? named = set.TryGetValue(key, out JsonNode? own) ? own : recipe["data"]?[key["data.".Length..]];
            JsonNode?[] paths = named is JsonArray list ? [.. list] : [named];
            hashes[key] = new JsonArray([.. paths.OfType<JsonValue>().Select(path => (JsonNode)ContentHash.OfFile(path.ToString()))]);
        }

        JsonNode? tokenizer = set.TryGetValue("tokenizer", out JsonNode? chosen) ? chosen : recipe["tokenizer"];
        hashes["tokenizer"] = tokenizer is null ? null : ContentHash.OfFolder(tokenizer.ToString());
        return hashes;
    }

    /// <summary>Hash of a model folder, computed once a run.</summary>
    public string Model(string folder)
    {
        if (!_models.TryGetValue(folder, out string? hash))
        {
            _models[folder] = hash = ContentHash.OfModelFolder(folder);
        }

        return hash;
    }
}
