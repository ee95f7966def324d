using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Pairs;

namespace Rudder.Client.Experiments;

/// <summary>What stages depend on, as JSON: settings by value, files and models by the hash of their content.</summary>
internal sealed class StageInputs
{
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
    public static JsonObject Recipe(string path)
    {
        if (!File.Exists(path))
        {
            throw new BadInputException(
                $"The recipe {Path.GetFullPath(path)} does not exist. Recipe paths are relative to the current folder.");
        }

        return StrictJson.Read<JsonObject>(path);
    }

    /// <summary>Hashes of files and folders, by path.</summary>
    public JsonObject Contents(IEnumerable<string> paths) =>
        new(paths.Distinct().Select(path => KeyValuePair.Create(path, (JsonNode?)Hash(path))));

    /// <summary>Hash of a model folder, computed once a run.</summary>
    public string Model(string folder)
    {
        if (!_models.TryGetValue(folder, out string? hash))
        {
            _models[folder] = hash = ContentHash.OfModelFolder(folder);
        }

        return hash;
    }

    private string Hash(string path) =>
        !Directory.Exists(path) ? ContentHash.OfFile(path)
        : File.Exists(Path.Combine(path, "config.json")) ? Model(path)
        : ContentHash.OfFolder(path);
}
