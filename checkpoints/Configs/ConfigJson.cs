using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>Reads typed values from a config.json. Errors name the file, the key, the value and what is allowed.</summary>
internal sealed class ConfigJson(string file, JsonObject json)
{
    private const long LargestConfig = 1 << 20;
    private const int MostValues = 2_000_000;
    private const int MostEndIds = 16;
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    public string File { get; } = file;

    public JsonObject Json { get; } = json;

    /// <summary>Reads a JSON object.</summary>
    /// <param name="file">The file.</param>
    /// <param name="limit">The largest size accepted, bytes.</param>
    public static ConfigJson Read(string file, long limit = LargestConfig)
    {
        ReadOnlySpan<byte> content = BoundedFile.Read(file, limit);
        content = content.StartsWith(ByteOrderMark) ? content[ByteOrderMark.Length..] : content;
        int values = content.Count((byte)',');              // each value takes about a hundred bytes of memory
        if (values > MostValues)
        {
            throw new CheckpointException($"{file}: holds {values} commas; a JSON file here has at most {MostValues} values. Check that it is the right file.");
        }

        try
        {
            var options = new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 32 };
            var node = JsonNode.Parse(content, documentOptions: options);
            Decode(node);
            return node is JsonObject json
                ? new ConfigJson(file, json)
                : throw new CheckpointException($"{file}: holds no JSON object. Fetch the file again.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{file}: not valid JSON ({e.Message}). Fetch the file again.", e);
        }
    }

    /// <summary>A required positive integer.</summary>
    public int Size(string key) =>
        OptionalSize(key) ?? throw new CheckpointException($"{File}: key '{key}' is missing; it must be a positive integer.");

    /// <summary>A positive integer, or null if the key is absent or null.</summary>
    public int? OptionalSize(string key) => Integer(key, 1, "a positive integer");

    /// <summary>A token id, or null if the key is absent or null.</summary>
    public int? TokenId(string key) => Integer(key, 0, "a token id of 0 or more, or null");

    /// <summary>A token id or a list of them; empty if the key is absent or null.</summary>
    public int[] TokenIds(string key)
    {
        if (Json[key] is not JsonArray list)
        {
            return TokenId(key) is int only ? [only] : [];
        }

        int[] ids = [.. list.Select(node => node is JsonValue value && value.TryGetValue(out int id) && id >= 0 ? id : throw Bad(key, list, "token ids of 0 or more"))];
        return ids.Length is > 0 and <= MostEndIds ? ids : throw Bad(key, list, $"1 to {MostEndIds} token ids");
    }

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

    /// <summary>A probability of zeroing, in [0, 1).</summary>
    public double Dropout(string key, double absent = 0.1) => Number(key, absent, 0, 1);

    /// <summary>A number in float notation, which other programs require: 0 becomes "0.0".</summary>
    public static JsonNode Float(double value) =>
        JsonNode.Parse(value == Math.Truncate(value) ? value.ToString("F1", CultureInfo.InvariantCulture) : value.ToString("R", CultureInfo.InvariantCulture))!;

    /// <summary>true or false.</summary>
    public bool Flag(string key, bool absent)
    {
        if (Json[key] is not { } node)
        {
            return absent;
        }

        return node is JsonValue value && value.TryGetValue(out bool flag) ? flag : throw Bad(key, node, "true or false");
    }

    public string Text(string key, string absent)
    {
        if (Json[key] is not { } node)
        {
            return absent;
        }

        return node is JsonValue value && value.TryGetValue(out string? text) ? text : throw Bad(key, node, "a string");
    }

    /// <summary>Whether <c>architectures</c> names a classifier of sequences. Language models may carry labels too, which mean nothing.</summary>
    public bool IsSequenceClassifier =>
        Json["architectures"] is JsonArray names
        && names.OfType<JsonValue>().Any(value =>
            value.TryGetValue(out string? name) && name.EndsWith("ForSequenceClassification", StringComparison.Ordinal));

    /// <summary>The labels of a classifier in order of their ids: <c>id2label</c>, or as many as <c>num_labels</c> says, 2 by default.</summary>
    /// <param name="most">Most labels.</param>
    public string[] Labels(int most)
    {
        if (Json["id2label"] is not { } node)
        {
            int count = OptionalSize("num_labels") ?? 2;
            return count <= most
                ? [.. Enumerable.Range(0, count).Select(i => $"LABEL_{i}")]
                : throw new CheckpointException($"{File}: num_labels is {count}; it must be from 1 to {most}.");
        }

        if (node is not JsonObject map)
        {
            throw Bad("id2label", node, "an object of id and name");
        }

        var labels = new string[map.Count];
        for (int i = 0; i < labels.Length; i++)
        {
            labels[i] = map[$"{i}"] is JsonValue value && value.TryGetValue(out string? name)
                ? name
                : throw Bad("id2label", node, $"an object with a name for each id from 0 to {labels.Length - 1}");
        }

        return labels;
    }

    /// <summary>Refuses a setting that would change the network's arithmetic in an unsupported way.</summary>
    public void Only(string key, JsonValue supported, string why)
    {
        if (Json[key] is { } node && !JsonNode.DeepEquals(node, supported))
        {
            throw new CheckpointException($"{File}: key '{key}' is {node.ToJsonString()}; only {supported.ToJsonString()} is supported. {why}");
        }
    }

    /// <summary>Refuses a classifier whose labels do not exclude each other: its outputs would need a sigmoid each, not a softmax.</summary>
    public void RefuseManyLabels()
    {
        if (IsSequenceClassifier && Json["problem_type"] is { } problem && problem.ToString() == "multi_label_classification")
        {
            throw Bad("problem_type", problem, "single_label_classification or regression: classes exclude each other here");
        }
    }

    public CheckpointException Bad(string key, JsonNode node, string expected) =>
        new($"{File}: key '{key}' is {node.ToJsonString()}; it must be {expected}.");

    /// <summary>Decodes every name and string now: half a surrogate pair would otherwise fail at its first use.</summary>
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
