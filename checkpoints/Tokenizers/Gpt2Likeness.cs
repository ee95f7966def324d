using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>
/// Tells tokenizers that split and merge like GPT-2's and RoBERTa's, for which Microsoft.ML.Tokenizers is proven equal, from all others.
/// </summary>
internal static class Gpt2Likeness
{
    /// <summary>The first setting of a <c>tokenizer.json</c> that would give other ids, or null.</summary>
    /// <param name="json">The whole file.</param>
    /// <param name="added">Its added tokens.</param>
    public static string? Difference(JsonObject json, IReadOnlyList<AddedToken> added)
    {
        var model = (JsonObject)json["model"]!;
        string type = TokenizerJson.Text(model["type"]) ?? "BPE";            // early files have no type
        if (type != "BPE")
        {
            return Is("model.type", type);
        }

        foreach (string key in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (TokenizerJson.Text(model[key]) is { Length: > 0 } affix)
            {
                return Is($"model.{key}", affix);
            }
        }

        foreach (string key in new[] { "byte_fallback", "ignore_merges" })
        {
            if (TokenizerJson.Flag(model[key]) == true)
            {
                return Is($"model.{key}", "true");
            }
        }

        return Steps(json) ?? (added.FirstOrDefault(token => token.SingleWord) is { } word ? $"added token '{word.Content}' is a single word" : null);
    }

    private static string? Steps(JsonObject json)
    {
        if (json["normalizer"] is { } normalizer)
        {
            return Is("normalizer", TokenizerJson.TypeOf(normalizer));
        }

        if (json["decoder"] is { } decoder && TokenizerJson.TypeOf(decoder) != "ByteLevel")
        {
            return Is("decoder", TokenizerJson.TypeOf(decoder));
        }

        if (json["pre_tokenizer"] is not { } splitter || TokenizerJson.TypeOf(splitter) != "ByteLevel")
        {
            return Is("pre_tokenizer", json["pre_tokenizer"] is { } other ? TokenizerJson.TypeOf(other) : "null");
        }

        return TokenizerJson.Flag(splitter["use_regex"]) == false ? Is("pre_tokenizer.use_regex", "false") : null;
    }

    private static string Is(string what, string value) => $"{what} is '{value}'";
}
