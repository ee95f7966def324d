using System.Text;
using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>Where a model folder keeps its chat template.</summary>
internal static class ChatTemplateFiles
{
    private const long LargestFile = 16L << 20;              // tokenizer_config.json may list every added token

    /// <summary>The template and the file it is from; null if the folder has none.</summary>
    public static (string File, string Source)? Read(string folder, string name)
    {
        string jinja = Path.Combine(folder, ModelFiles.ChatTemplate);
        if (name == "default" && File.Exists(jinja))
        {
            return (jinja, new UTF8Encoding(false).GetString(BoundedFile.Read(jinja, LargestFile)).TrimStart('\uFEFF'));
        }

        string config = Path.Combine(folder, ModelFiles.TokenizerConfig);
        if (!File.Exists(config))
        {
            return null;
        }

        return ConfigJson.Read(config, LargestFile).Json["chat_template"] switch
        {
            null => null,
            JsonValue value when value.TryGetValue(out string? source) => name == "default" ? (config, source) : null,
            JsonArray several => Find(several, name) is { } source ? (config, source) : null,
            _ => throw new CheckpointException(
                $"{config}: chat_template is neither a text nor a list of {{\"name\", \"template\"}}. Fetch the file again."),
        };
    }

    private static string? Find(JsonArray several, string name) => several.OfType<JsonObject>()
        .Where(entry => entry["name"] is JsonValue known && known.TryGetValue(out string? text) && text == name)
        .Select(entry => entry["template"] is JsonValue value && value.TryGetValue(out string? source) ? source : null)
        .FirstOrDefault();
}
