using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Export;

/// <summary>
/// Writes genai_config.json. ONNX Runtime GenAI loads the decoder from it and the tokenizer from its folder.
/// The model type is the family's where GenAI knows it with this cache layout, else <c>decoder</c>: in GenAI, <c>gpt2</c>
/// means a graph with another layout. The sampling settings do not truncate; callers set their own.
/// </summary>
internal static class GenAiConfig
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    /// <summary>The file's text.</summary>
    /// <param name="config">The model's shape and special tokens.</param>
    /// <param name="paddingId">See <see cref="PaddingId"/>.</param>
    /// <param name="precision">Which decoder graph it points to.</param>
    public static string Text(ModelConfig config, int paddingId, GraphPrecision precision)
    {
        int end = config.EosId ?? config.VocabularySize - 1;
        return new JsonObject
        {
            ["model"] = new JsonObject
            {
                ["type"] = config.GenAiType,
                ["bos_token_id"] = config.BosId ?? end,
                ["eos_token_id"] = config.OtherEosIds.Count == 0 ? end : new JsonArray([end, .. config.OtherEosIds.Select(id => JsonValue.Create(id))]),
                ["pad_token_id"] = paddingId,
                ["vocab_size"] = config.VocabularySize,
                ["context_length"] = config.Context,
                ["decoder"] = Decoder(config, $"{GraphFiles.Folder}/{GraphFiles.Model(precision)}"),
            },
            ["search"] = new JsonObject
            {
                ["max_length"] = config.Context,
                ["do_sample"] = true,
                ["temperature"] = 1.0,
                ["top_k"] = 0,
                ["top_p"] = 1.0,
                ["num_beams"] = 1,
                ["num_return_sequences"] = 1,
                ["past_present_share_buffer"] = true,
            },
        }.ToJsonString(Json);
    }

    /// <summary>
    /// The id that GenAI uses for padding. GenAI masks that id everywhere in a prompt, so ragged prompts go wrong if it is the
    /// end-of-text id. The first choice is the model's padding token if it differs from the end-of-text token. The second is
    /// the token of byte FF, which does not occur in UTF-8. Without a tokenizer it is the end-of-text id:
    /// a batch must then hold prompts of equal length.
    /// </summary>
    public static int PaddingId(ModelConfig config, TextTokenizer? tokenizer)
    {
        int end = config.EosId ?? config.VocabularySize - 1;
        if (config.PadId is int own && own != end && !config.OtherEosIds.Contains(own))
        {
            return own;
        }

        int tokens = Math.Min(tokenizer?.VocabularySize ?? 0, config.VocabularySize);
        return Enumerable.Range(0, tokens).Cast<int?>().FirstOrDefault(id => tokenizer!.Bytes(id!.Value).Span is [0xFF]) ?? end;
    }

    private static JsonObject Decoder(ModelConfig config, string graph) => new()
    {
        ["session_options"] = new JsonObject { ["log_id"] = "onnxruntime-genai", ["provider_options"] = new JsonArray() },
        ["filename"] = graph,
        ["head_size"] = config.HeadSize,
        ["hidden_size"] = config.HiddenSize,
        ["num_attention_heads"] = config.Heads,
        ["num_hidden_layers"] = config.Layers,
        ["num_key_value_heads"] = config.KeyValueHeads,
        ["inputs"] = new JsonObject
        {
            ["input_ids"] = "input_ids",
            ["attention_mask"] = "attention_mask",
            ["position_ids"] = "position_ids",
            ["past_key_names"] = "past_key_values.%d.key",
            ["past_value_names"] = "past_key_values.%d.value",
        },
        ["outputs"] = new JsonObject
        {
            ["logits"] = "logits",
            ["present_key_names"] = "present.%d.key",
            ["present_value_names"] = "present.%d.value",
        },
    };
}
