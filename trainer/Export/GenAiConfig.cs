using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Export;

/// <summary>
/// Writes genai_config.json, from which ONNX Runtime GenAI loads the decoder and, from the folder that it lies in, the tokenizer. The model type is <c>decoder</c>: <c>gpt2</c>
/// there means a graph with another cache layout. Sampling settings are those of an untruncated draw; callers set their own.
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
                ["type"] = "decoder",
                ["bos_token_id"] = config.BosId ?? end,
                ["eos_token_id"] = end,
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
    /// The id that GenAI takes for padding. It masks that id wherever it meets it in a prompt, and with the end-of-text id
    /// ragged prompts go wrong: so it is the model's own padding token where there is one apart from the end-of-text, else
    /// the token of the byte FF, which no UTF-8 text holds, else (a folder without a tokenizer) the end-of-text id, and
    /// prompts of equal length must then be batched together.
    /// </summary>
    /// <param name="config">The model's special tokens.</param>
    /// <param name="tokenizer">Its tokenizer, where it has one.</param>
    public static int PaddingId(ModelConfig config, TextTokenizer? tokenizer)
    {
        int end = config.EosId ?? config.VocabularySize - 1;
        if (config.PadId is int own && own != end)
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
        ["head_size"] = config.HiddenSize / config.Heads,
        ["hidden_size"] = config.HiddenSize,
        ["num_attention_heads"] = config.Heads,
        ["num_hidden_layers"] = config.Layers,
        ["num_key_value_heads"] = config.Heads,
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
