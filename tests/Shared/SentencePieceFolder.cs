using System.Text.Json.Nodes;

namespace Rudder.Tests;

/// <summary>
/// A tokenizer built like Llama 2's: BPE whose blanks are U+2581, with a blank before each text, byte fallback, and BOS before a text.
/// </summary>
internal static class SentencePieceFolder
{
    public const int Bos = 1, Eos = 2, FirstByte = 3;

    private const string Mark = "\u2581";
    private static readonly string[] Words = ["the", "film", "was", "good", "and", "a", "bad", "it", "is", "of"];

    /// <summary>Number of ids.</summary>
    public static int Size { get; } = Vocabulary().Vocabulary.Count;

    /// <summary>Writes tokenizer.json and tokenizer_config.json.</summary>
    public static void Write(string folder, Action<JsonObject>? change = null, string settings = """{"bos_token":"<s>","eos_token":"</s>"}""")
    {
        (var vocabulary, var merges) = Vocabulary();
        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = Json("""{"direction":"Right","max_length":4,"strategy":"LongestFirst","stride":0}"""),
            ["padding"] = Json("""{"strategy":{"Fixed":16},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"<unk>"}"""),
            ["added_tokens"] = new JsonArray([.. new[] { "<unk>", "<s>", "</s>" }.Select((token, id) => Json(
                $$"""{"id":{{id}},"content":"{{token}}","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}"""))]),
            ["normalizer"] = Json(
                """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}"""),
            ["pre_tokenizer"] = null,
            ["post_processor"] = Json(
                """
                {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
                 "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
                 "special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}}
                """),
            ["decoder"] = Json(
                """
                {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},
                 {"type":"Strip","content":" ","start":1,"stop":0}]}
                """),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = "<unk>",
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["ignore_merges"] = false,
                ["vocab"] = new JsonObject(vocabulary.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id))),
                ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)merge)]),
            },
        };
        change?.Invoke(json);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), settings);
    }

    private static (List<string> Vocabulary, List<string> Merges) Vocabulary()
    {
        List<string> vocabulary = ["<unk>", "<s>", "</s>", .. Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>"), Mark];
        vocabulary.AddRange("abcdefghijklmnopqrstuvwxyz.,!?'".Select(c => c.ToString()));
        List<string> merges = [];
        foreach (string word in Words)
        {
            for (int end = 0; end < word.Length; end++)
            {
                string left = Mark + word[..end];
                if (!vocabulary.Contains(left + word[end]))
                {
                    merges.Add($"{left} {word[end]}");
                    vocabulary.Add(left + word[end]);
                }
            }
        }

        return (vocabulary, merges);
    }

    private static JsonNode Json(string text) => JsonNode.Parse(text)!;
}
