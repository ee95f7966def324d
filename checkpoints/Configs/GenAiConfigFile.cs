using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rudder.Checkpoints;

/// <summary>Checks genai_config.json before ONNX Runtime GenAI reads it. The file can name libraries and graphs for GenAI to load.</summary>
public static partial class GenAiConfigFile
{
    private const string GraphKey = "model.decoder.filename";
    private const string TypeKey = "model.type";
    private const string PaddingKey = "model.pad_token_id";
    private const string EndKey = "model.eos_token_id";
    private const int MostEnds = 64;
    private const string ProvidersKey = "model.decoder.session_options.provider_options";

    /// <summary>Accepts a file that holds only what the export writes.</summary>
    /// <param name="modelFolder">Folder of the file.</param>
    /// <returns>The id that GenAI treats as padding.</returns>
    /// <exception cref="CheckpointException">The file cannot be read, is too large, has no padding id, or holds a key or value that no export writes.</exception>
    public static int ReadPaddingId(string modelFolder)
    {
        var file = ConfigJson.Read(Path.Combine(modelFolder, ModelFiles.GenAiConfig));
        int? padding = null;
        foreach (var (key, node) in file.Json.SelectMany(pair => Leaves(pair.Key, pair.Value)))
        {
            if (!KnownKeys().IsMatch(key))
            {
                throw Refused(file, key, "no export writes that key");
            }

            if (Requirement(key, node) is { } requirement)
            {
                throw Refused(file, key, requirement);
            }

            padding = key == PaddingKey ? node!.GetValue<int>() : padding;
        }

        return padding ?? throw Refused(file, PaddingKey, "the key is missing");
    }

    // Every key that the export writes, with the objects around it.
    [GeneratedRegex(
        @"^(model\.(type|(bos|eos|pad)_token_id|vocab_size|context_length"
        + @"|decoder\.(filename|head_size|hidden_size|num_attention_heads|num_hidden_layers|num_key_value_heads"
        + @"|session_options\.(log_id|provider_options)|inputs\.(input_ids|attention_mask|position_ids|past_key_names|past_value_names)"
        + @"|outputs\.(logits|present_key_names|present_value_names)))"
        + @"|search\.(max_length|do_sample|temperature|top_k|top_p|num_beams|num_return_sequences|past_present_share_buffer))\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex KnownKeys();

    private static IEnumerable<(string Key, JsonNode? Value)> Leaves(string key, JsonNode? node) =>
        node is JsonObject parent ? parent.SelectMany(pair => Leaves($"{key}.{pair.Key}", pair.Value)) : [(key, node)];

    // What the value must be; null where it is that.
    private static string? Requirement(string key, JsonNode? node) => key switch
    {
        GraphKey => Enum.GetValues<GraphPrecision>().Any(precision => IsText(node, $"{GraphFiles.Folder}/{GraphFiles.Model(precision)}"))
            ? null : "it must be a graph of the export",
        TypeKey => LlamaConfig.Types.Append("decoder").Any(type => IsText(node, type)) ? null : "it must be 'decoder' or a family that GenAI knows",
        ProvidersKey => node is JsonArray { Count: 0 } ? null : "it must be an empty list",
        PaddingKey => IsId(node) ? null : "it must be a token id",
        EndKey => node is JsonArray { Count: > 0 and <= MostEnds } ends ? ends.All(IsId) ? null : "it must hold token ids"
            : node is JsonValue ? null : $"it must be a token id, or a list of 1 to {MostEnds}",
        _ => node is JsonValue ? null : "it must be a number, a text, true or false",
    };

    private static bool IsId(JsonNode? node) => node is JsonValue value && value.TryGetValue(out int id) && id >= 0;

    private static bool IsText(JsonNode? node, string expected) =>
        node is JsonValue value && value.TryGetValue(out string? text) && text == expected;

    private static CheckpointException Refused(ConfigJson file, string key, string why) =>
        new($"{file.File}: key '{new string([.. key.Where(c => !char.IsControl(c)).Take(128)])}': {why}. Export the model again: trainer export --model FOLDER.");
}
