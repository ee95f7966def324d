using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>
/// Reads Hugging Face's <c>tokenizer.json</c> for byte-level BPE. Refuses, by name, every setting that would change ids.
/// Ignores post-processors, truncation and padding: encoding adds no special tokens.
/// </summary>
internal static class TokenizerJson
{
    /// <summary>Maximum tokenizer file size in bytes: twice the largest published files.</summary>
    public const long LargestFile = 64L << 20;

    private const int LargestId = (1 << 24) - 1; // tables are as long as the largest id

    public static TokenizerParts Read(string path)
    {
        var file = ConfigJson.Read(path, LargestFile);
        var model = file.Json["model"] as JsonObject ?? throw new CheckpointException($"{path}: key 'model' is missing. Fetch the file again.");
        RefuseOtherModels(path, model);
        RefuseOtherSteps(path, file.Json);
        var vocabulary = Vocabulary(path, model["vocab"]);
        return new TokenizerParts
        {
            File = path,
            Vocabulary = vocabulary,
            Merges = Merges(path, model["merges"]),
            Added = AllAdded(path, file.Json["added_tokens"] as JsonArray ?? [], vocabulary),
            AddPrefixSpace = Flag(ByteLevel(path, file.Json["pre_tokenizer"])["add_prefix_space"]) ?? true,
        };
    }

    /// <summary>Token and id of a vocabulary object.</summary>
    public static Dictionary<string, int> Vocabulary(string path, JsonNode? node)
    {
        if (node is not JsonObject { Count: > 0 } entries)
        {
            throw new CheckpointException($"{path}: the vocabulary is missing or empty; it must map tokens to ids. Fetch the file again.");
        }

        var vocabulary = new Dictionary<string, int>(entries.Count, StringComparer.Ordinal);
        var tokens = new Dictionary<int, string>(entries.Count);
        foreach (var (token, value) in entries)
        {
            if (value is not JsonValue number || !number.TryGetValue(out int id) || id is < 0 or > LargestId)
            {
                throw new CheckpointException($"{path}: token '{token}' has id {value?.ToJsonString() ?? "null"}; it must be an integer from 0 to {LargestId}.");
            }

            if (!tokens.TryAdd(id, token))
            {
                throw new CheckpointException($"{path}: tokens '{tokens[id]}' and '{token}' both have id {id}; ids must differ.");
            }

            vocabulary[token] = id;
        }

        return vocabulary;
    }

    private static void RefuseOtherModels(string path, JsonObject model)
    {
        string type = model["type"] is JsonValue value && value.TryGetValue(out string? text) ? text : "BPE"; // early files have no type
        if (type != "BPE")
        {
            throw Unsupported(path, "model.type", type, "BPE");
        }

        foreach (string key in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (model[key] is JsonValue affix && affix.TryGetValue(out string? affixText) && affixText.Length > 0)
            {
                throw Unsupported(path, $"model.{key}", affixText, "none");
            }
        }

        foreach (string key in new[] { "byte_fallback", "ignore_merges" })
        {
            if (Flag(model[key]) == true)
            {
                throw Unsupported(path, $"model.{key}", "true", "false");
            }
        }

        if (model["dropout"] is JsonValue dropout && !(dropout.TryGetValue(out double rate) && rate == 0))
        {
            throw Unsupported(path, "model.dropout", dropout.ToJsonString(), "null");
        }
    }

    private static void RefuseOtherSteps(string path, JsonObject json)
    {
        if (json["normalizer"] is { } normalizer)
        {
            throw Unsupported(path, "normalizer", TypeOf(normalizer), "null");
        }

        if (json["decoder"] is { } decoder && TypeOf(decoder) != "ByteLevel")
        {
            throw Unsupported(path, "decoder", TypeOf(decoder), "ByteLevel");
        }

        var splitter = ByteLevel(path, json["pre_tokenizer"]);
        if (Flag(splitter["use_regex"]) == false)
        {
            throw Unsupported(path, "pre_tokenizer.use_regex", "false", "true");
        }
    }

    private static JsonObject ByteLevel(string path, JsonNode? node) => node is JsonObject splitter && TypeOf(splitter) == "ByteLevel"
        ? splitter
        : throw Unsupported(path, "pre_tokenizer", node is null ? "null" : TypeOf(node), "ByteLevel");

    private static List<string> Merges(string path, JsonNode? node)
    {
        if (node is not JsonArray entries)
        {
            throw new CheckpointException($"{path}: key 'model.merges' is not a list. Fetch the file again.");
        }

        var merges = new List<string>(entries.Count);
        foreach (var entry in entries)
        {
            merges.Add(entry switch
            {
                JsonValue value when value.TryGetValue(out string? line) && line.Count(' ') == 1 => line,
                JsonArray { Count: 2 } pair when pair.All(p => p is JsonValue) => $"{pair[0]} {pair[1]}",
                _ => throw new CheckpointException($"{path}: merge {merges.Count} is {entry?.ToJsonString()}; it must be \"left right\" or [left, right]."),
            });
        }

        return merges;
    }

    private static AddedToken[] AllAdded(string path, JsonArray entries, Dictionary<string, int> vocabulary)
    {
        AddedToken[] added = [.. entries.Select(token => Added(path, token, vocabulary))];
        RequireTotal(path, added);
        return added.GroupBy(t => t.Content, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice
            ? throw new CheckpointException($"{path}: added token '{twice.Key}' is there {twice.Count()} times. Keep one of them.")
            : added;
    }

    private static AddedToken Added(string path, JsonNode? node, Dictionary<string, int> vocabulary)
    {
        if (node is not JsonObject token
            || token["content"] is not JsonValue text || !text.TryGetValue(out string? content) || content.Length == 0
            || token["id"] is not JsonValue number || !number.TryGetValue(out int id) || id is < 0 or > LargestId)
        {
            throw new CheckpointException($"{path}: added token {node?.ToJsonString()} needs a content and an id from 0 to {LargestId}.");
        }

        if (Flag(token["single_word"]) == true)
        {
            throw Unsupported(path, $"single_word of added token '{content}'", "true", "false");
        }

        RequireLength(path, content);
        if (vocabulary.TryGetValue(content, out int known) && known != id)
        {
            throw new CheckpointException($"{path}: added token '{content}' has id {id}, but {known} in the vocabulary. Make them equal.");
        }

        return new AddedToken(
            content, id, Flag(token["special"]) == true, Flag(token["lstrip"]) == true, Flag(token["rstrip"]) == true);
    }

    /// <summary>A flag, or null if it is absent or not a boolean.</summary>
    public static bool? Flag(JsonNode? node) => node is JsonValue value && value.TryGetValue(out bool flag) ? flag : null;

    private static string TypeOf(JsonNode node) => (node as JsonObject)?["type"] is JsonValue value && value.TryGetValue(out string? type) ? type : node.ToJsonString();

    /// <summary>Refuses an empty added token, or one so long that searching texts for it would be slow.</summary>
    public static void RequireLength(string path, string content)
    {
        if (content.Length is 0 or > AddedTokenSplitter.LongestToken)
        {
            throw new CheckpointException($"{path}: added token '{content}' has {content.Length} characters; it must have 1 to {AddedTokenSplitter.LongestToken}.");
        }
    }

    /// <summary>Refuses added tokens that would take too much memory together.</summary>
    public static void RequireTotal(string path, IReadOnlyList<AddedToken> added)
    {
        long total = added.Sum(token => (long)token.Content.Length);
        if (total > AddedTokenSplitter.MostCharacters)
        {
            throw new CheckpointException(
                $"{path}: the added tokens have {total} characters together; at most {AddedTokenSplitter.MostCharacters} are read. Check that it is the right file.");
        }
    }

    private static CheckpointException Unsupported(string path, string what, string found, string supported) =>
        new($"{path}: {what} is '{found}'; only {supported} is supported (byte-level BPE as GPT-2 and RoBERTa use it). Choose another model.");
}
