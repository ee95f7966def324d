using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>Writes a byte-level BPE tokenizer in Hugging Face layout.</summary>
public static class TokenizerWriter
{
    internal static readonly JsonSerializerOptions Layout = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Adds <c>tokenizer.json</c> to a folder that has only <c>vocab.json</c> and <c>merges.txt</c>, and
    /// <c>tokenizer_config.json</c> if it has none. GenAI and transformers.js need both files. Ids do not change.
    /// </summary>
    /// <param name="folder">The folder to read.</param>
    /// <param name="outputFolder">The output folder; may be the same.</param>
    public static void Convert(string folder, string outputFolder)
    {
        var parts = VocabularyFiles.Read(folder);
        parts = parts with { AddPrefixSpace = TokenizerSettings.Read(folder).AddPrefixSpace ?? parts.AddPrefixSpace };
        var family = parts.Vocabulary.ContainsKey("<mask>") ? TokenizerFamily.Roberta : TokenizerFamily.Gpt2;
        WriteJson(outputFolder, parts, family, replaceSettings: false);
    }

    /// <summary>Writes tokenizer.json, tokenizer_config.json, vocab.json and merges.txt.</summary>
    internal static void Write(string folder, TokenizerParts parts, TokenizerFamily family)
    {
        AtomicFile.WriteText(Path.Combine(folder, ModelFiles.Vocabulary), VocabularyObject(parts).ToJsonString(Layout) + "\n");
        AtomicFile.WriteText(Path.Combine(folder, ModelFiles.Merges), "#version: 0.2\n" + string.Concat(parts.Merges.Select(m => m + "\n")));
        WriteJson(folder, parts, family, replaceSettings: true);
    }

    private static void WriteJson(string folder, TokenizerParts parts, TokenizerFamily family, bool replaceSettings)
    {
        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray([.. parts.Added.OrderBy(t => t.Id).Select(Token)]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = ByteLevel(parts.AddPrefixSpace, trimOffsets: true),
            ["post_processor"] = family == TokenizerFamily.Roberta ? RobertaProcessing(parts) : ByteLevel(addPrefixSpace: true, trimOffsets: false),
            ["decoder"] = ByteLevel(addPrefixSpace: true, trimOffsets: true),
            ["model"] = Model(parts, family),
        };
        AtomicFile.WriteText(Path.Combine(folder, ModelFiles.TokenizerJson), json.ToJsonString(Layout) + "\n");
        if (!replaceSettings && File.Exists(Path.Combine(folder, ModelFiles.TokenizerConfig)))
        {
            return;
        }

        AtomicFile.WriteText(Path.Combine(folder, ModelFiles.TokenizerConfig), Settings(parts, family).ToJsonString(Layout) + "\n");
    }

    private static JsonObject Model(TokenizerParts parts, TokenizerFamily family) => new()
    {
        ["type"] = "BPE",
        ["dropout"] = null,
        ["unk_token"] = null,
        ["continuing_subword_prefix"] = "",
        ["end_of_word_suffix"] = "",
        ["fuse_unk"] = false,
        ["byte_fallback"] = false,
        ["ignore_merges"] = false,
        ["vocab"] = VocabularyObject(parts),
        ["merges"] = new JsonArray([.. parts.Merges.Select(m => (JsonNode)m)]),
    };

    private static JsonObject VocabularyObject(TokenizerParts parts)
    {
        var json = new JsonObject();
        foreach (var (token, id) in parts.Vocabulary.OrderBy(p => p.Value))
        {
            json[token] = id;
        }

        return json;
    }

    private static JsonObject ByteLevel(bool addPrefixSpace, bool trimOffsets) => new()
    {
        ["type"] = "ByteLevel",
        ["add_prefix_space"] = addPrefixSpace,
        ["trim_offsets"] = trimOffsets,
        ["use_regex"] = true,
    };

    private static JsonObject RobertaProcessing(TokenizerParts parts) => new()
    {
        ["type"] = "RobertaProcessing",
        ["sep"] = new JsonArray("</s>", parts.Vocabulary["</s>"]),
        ["cls"] = new JsonArray("<s>", parts.Vocabulary["<s>"]),
        ["trim_offsets"] = true,
        ["add_prefix_space"] = parts.AddPrefixSpace,
    };

    /// <summary>An entry of <c>added_tokens</c>.</summary>
    internal static JsonNode Token(AddedToken token) => new JsonObject
    {
        ["id"] = token.Id,
        ["content"] = token.Content,
        ["single_word"] = token.SingleWord,
        ["lstrip"] = token.StripLeft,
        ["rstrip"] = token.StripRight,
        ["normalized"] = token.Normalized,
        ["special"] = token.Special,
    };

    private static JsonObject Settings(TokenizerParts parts, TokenizerFamily family)
    {
        var json = new JsonObject { ["add_prefix_space"] = parts.AddPrefixSpace };
        if (family == TokenizerFamily.Roberta)
        {
            foreach (var (role, token) in new[]
            {
                ("bos", "<s>"), ("eos", "</s>"), ("cls", "<s>"), ("sep", "</s>"), ("unk", "<unk>"), ("pad", "<pad>"), ("mask", "<mask>"),
            })
            {
                json[role + "_token"] = token;
            }

            json["tokenizer_class"] = "PreTrainedTokenizerFast"; // GenAI does not know RobertaTokenizer; both take everything from tokenizer.json
            return json;
        }

        foreach (string role in new[] { "bos", "eos", "unk" })
        {
            json[role + "_token"] = VocabularyFiles.Gpt2EndOfText;
        }

        json["tokenizer_class"] = "GPT2Tokenizer";
        return json;
    }
}
