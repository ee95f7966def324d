using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>Reads typed values out of a config.json; every failure names the file, the key, the value and what it must be.</summary>
internal sealed class ConfigJson(string file, JsonObject json)
{
    public string File { get; } = file;

    public JsonObject Json { get; } = json;

    public static ConfigJson Read(string file)
    {
        try
        {
            var options = new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 32 };
            var node = JsonNode.Parse(System.IO.File.ReadAllText(file), documentOptions: options);
            Decode(node);
            return node is JsonObject json
                ? new ConfigJson(file, json)
                : throw new CheckpointException($"{file}: holds no JSON object. Fetch the file again.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CheckpointException($"{file}: not found. A model folder holds {ModelFiles.Config} beside its weights; check the path.", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{file}: not valid JSON ({e.Message}). Fetch the file again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{file}: cannot be read ({e.Message}).", e);
        }
    }

    /// <summary>A positive integer that must be there.</summary>
    public int Size(string key) =>
        OptionalSize(key) ?? throw new CheckpointException($"{File}: key '{key}' is missing; it must be a positive integer.");

    /// <summary>A positive integer, or null where the key is absent or null.</summary>
    public int? OptionalSize(string key) => Integer(key, 1, "a positive integer");

    /// <summary>A token id, or null where the key is absent or null.</summary>
    public int? TokenId(string key) => Integer(key, 0, "a token id of 0 or more, or null");

    public double Number(string key, double absent, double least, double limit)
    {
        if (Json[key] is not { } node)
        {
            return absent;
        }

        return node is JsonValue value && value.TryGetValue(out double number) && number >= least && number < limit
            ? number
            : throw Bad(key, node, $"a number of {least} or more, below {limit}");
    }

    /// <summary>The one dropout that is supported, in [0, 1): the value of <paramref name="key"/>, which other keys may repeat, not change.</summary>
    /// <param name="key">The leading key; 0.1 where it is absent.</param>
    /// <param name="others">Keys that are 0.1 where they are absent.</param>
    /// <param name="followers">Keys that take the leading key's value where they are absent or null.</param>
    public double OneDropout(string key, string[] others, string[] followers)
    {
        const double Absent = 0.1;
        double dropout = Number(key, Absent, 0, 1);
        foreach (string other in others.Concat(followers))
        {
            double value = Number(other, followers.Contains(other) ? dropout : Absent, 0, 1);
            if (value != dropout)
            {
                throw new CheckpointException($"{File}: {other} is {value}{(Json[other] is null ? " (absent)" : "")} but {key} is {dropout}{(Json[key] is null ? " (absent)" : "")}; one dropout is supported. Make them equal.");
            }
        }

        return dropout;
    }

    public string Text(string key, string absent)
    {
        if (Json[key] is not { } node)
        {
            return absent;
        }

        return node is JsonValue value && value.TryGetValue(out string? text) ? text : throw Bad(key, node, "a string");
    }

    /// <summary>Refuses a setting that changes the network's arithmetic in a way that is not implemented.</summary>
    public void Only(string key, JsonValue supported, string why)
    {
        if (Json[key] is { } node && !JsonNode.DeepEquals(node, supported))
        {
            throw new CheckpointException($"{File}: key '{key}' is {node.ToJsonString()}; only {supported.ToJsonString()} is supported. {why}");
        }
    }

    public CheckpointException Bad(string key, JsonNode node, string expected)
    {
        string found = node.ToJsonString();
        return new CheckpointException($"{File}: key '{key}' is {(found.Length > 60 ? found[..60] + "…" : found)}; it must be {expected}.");
    }

    /// <summary>Decodes every name and string now: half a surrogate pair would otherwise fail wherever it is first looked at.</summary>
    private static void Decode(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject parent:
                foreach (var (_, child) in parent)
                {
                    Decode(child);
                }

                break;
            case JsonArray list:
                foreach (var child in list)
                {
                    Decode(child);
                }

                break;
            case JsonValue value:
                value.TryGetValue(out string? _);
                break;
        }
    }

    private int? Integer(string key, int least, string expected)
    {
        if (Json[key] is not { } node)
        {
            return null;
        }

        return node is JsonValue value && value.TryGetValue(out int number) && number >= least ? number : throw Bad(key, node, expected);
    }
}
