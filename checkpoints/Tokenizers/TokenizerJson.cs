using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>
/// Reads Hugging Face's <c>tokenizer.json</c>. Ignores truncation and padding.
/// </summary>
internal static class TokenizerJson
{
    /// <summary>Maximum tokenizer file size in bytes: twice the largest published files.</summary>
    public const long LargestFile = 64L << 20;

    private const int LargestId = (1 << 24) - 1; // tables are as long as the largest id

    /// <summary>Reads a tokenizer.</summary>
    /// <param name="path">The file.</param>
    /// <param name="settings">The settings of the files beside it.</param>
    /// <exception cref="CheckpointException">The file is damaged, or encodes at random.</exception>
    public static TokenizerParts Read(string path, TokenizerSettings settings)
    {
        var json = ConfigJson.Read(path, LargestFile).Json;
        var model = json["model"] as JsonObject ?? throw new CheckpointException($"{path}: key 'model' is missing. Fetch the file again.");
        if (model["dropout"] is JsonValue dropout && !(dropout.TryGetValue(out double rate) && rate == 0))
        {
            throw new CheckpointException(
                $"{path}: model.dropout is '{dropout.ToJsonString()}', with which the same text gets other ids each time. Set it to null.");
        }

        var vocabulary = model["vocab"] is JsonArray pieces ? Pieces(path, pieces) : Vocabulary(path, model["vocab"]);
        AddedToken[] added = AddedTokenFiles.Merge(path, json["added_tokens"] as JsonArray ?? [], vocabulary, settings);
        string? difference = Gpt2Likeness.Difference(json, added);
        return new TokenizerParts
        {
            File = path,
            Vocabulary = vocabulary,
            Merges = difference is null ? Merges(path, model["merges"]) : [],
            Added = added,
            AddPrefixSpace = Flag((json["pre_tokenizer"] as JsonObject)?["add_prefix_space"]) ?? true,
            Difference = difference,
            Json = difference is null ? null : json,
            Spelling = difference is null ? TokenSpelling.ByteLevel : TokenSpelling.Of(json["decoder"]),
            Frame = SpecialTokenFrame.Read(path, json["post_processor"], settings, Find),
        };

        int? Find(string token) => added.FirstOrDefault(t => t.Content == token)?.Id ?? (vocabulary.TryGetValue(token, out int id) ? id : null);
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

    // Unigram: a list of [piece, score], whose place is the id.
    private static Dictionary<string, int> Pieces(string path, JsonArray pieces)
    {
        var vocabulary = new Dictionary<string, int>(pieces.Count, StringComparer.Ordinal);
        foreach (var piece in pieces)
        {
            string text = Text((piece as JsonArray)?[0])
                ?? throw new CheckpointException($"{path}: piece {vocabulary.Count} is {piece?.ToJsonString() ?? "null"}; it must be [text, score]. Fetch the file again.");
            if (!vocabulary.TryAdd(text, vocabulary.Count))
            {
                throw new CheckpointException($"{path}: piece '{text}' is there 2 times. Keep one of them.");
            }
        }

        return vocabulary.Count > 0 ? vocabulary : Vocabulary(path, null);
    }

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

    /// <summary>An added token of any file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="node">Its content and flags.</param>
    /// <param name="number">Its id.</param>
    /// <param name="vocabulary">May hold the token as well, with the same id.</param>
    public static AddedToken Added(string path, JsonNode? node, JsonNode? number, Dictionary<string, int> vocabulary)
    {
        if (node is not JsonObject token
            || Text(token["content"]) is not { Length: > 0 } content
            || number is not JsonValue integer || !integer.TryGetValue(out int id) || id is < 0 or > LargestId)
        {
            throw new CheckpointException($"{path}: added token {node?.ToJsonString()} needs a content and an id from 0 to {LargestId}.");
        }

        RequireLength(path, content);
        if (vocabulary.TryGetValue(content, out int known) && known != id)
        {
            throw new CheckpointException($"{path}: added token '{content}' has id {id}, but {known} in the vocabulary. Make them equal.");
        }

        bool special = Flag(token["special"]) == true;
        return new AddedToken(
            content,
            id,
            special,
            Flag(token["lstrip"]) == true,
            Flag(token["rstrip"]) == true,
            Flag(token["single_word"]) == true,
            Flag(token["normalized"]) ?? !special);
    }

    /// <summary>A flag, or null if it is absent or not a boolean.</summary>
    public static bool? Flag(JsonNode? node) => node is JsonValue value && value.TryGetValue(out bool flag) ? flag : null;

    /// <summary>A text, or null if it is absent or not a string.</summary>
    public static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    /// <summary>The type of a step.</summary>
    public static string TypeOf(JsonNode node) => Text((node as JsonObject)?["type"]) ?? node.ToJsonString();

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
}
