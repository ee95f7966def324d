using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>The special tokens that a folder wants around a text.</summary>
/// <param name="Before">Ids before the text, such as BOS.</param>
/// <param name="After">Ids after the text, such as EOS.</param>
internal sealed record SpecialTokenFrame(int[] Before, int[] After)
{
    // Transformers gives these classes a post-processor of their own, made of add_bos_token and add_eos_token.
    private static readonly string[] ClassesWithOwnFrame = ["Llama", "CodeLlama", "Gemma", "Cohere"];

    /// <summary>Nothing is added.</summary>
    public static SpecialTokenFrame None { get; } = new([], []);

    /// <summary>Reads the post-processor, and the settings that override it.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="processor">Key <c>post_processor</c> of <c>tokenizer.json</c>.</param>
    /// <param name="settings">The settings beside it.</param>
    /// <param name="find">The id of a token.</param>
    public static SpecialTokenFrame Read(string path, JsonNode? processor, TokenizerSettings settings, Func<string, int?> find)
    {
        if (!ClassesWithOwnFrame.Any(name => settings.Class == $"{name}Tokenizer" || settings.Class == $"{name}TokenizerFast"))
        {
            return Read(path, processor);
        }

        return new SpecialTokenFrame(
            (settings.AddBos ?? true) && settings.StartOfText is { } bos ? [Id(bos)] : [],
            (settings.AddEos ?? false) && settings.EndOfText is { } eos ? [Id(eos)] : []);

        int Id(string token) => find(token)
            ?? throw new CheckpointException($"{path}: tokenizer_config.json adds '{token}' to texts, but no such token exists. Fetch the files again.");
    }

    private static SpecialTokenFrame Read(string path, JsonNode? processor)
    {
        switch (processor is null ? "ByteLevel" : TokenizerJson.TypeOf(processor))
        {
            case "ByteLevel":
                return None;
            case "TemplateProcessing" when processor!["single"] is JsonArray pieces:
                int text = pieces.ToList().FindIndex(piece => piece?["Sequence"] is not null);
                var ids = pieces.Select(piece => Ids(path, processor, piece)).ToList();
                return new SpecialTokenFrame([.. ids.Take(text).SelectMany(id => id)], [.. ids.Skip(text + 1).SelectMany(id => id)]);
            case "BertProcessing" or "RobertaProcessing":
                return new SpecialTokenFrame([Id(path, processor!["cls"]?[1])], [Id(path, processor["sep"]?[1])]);
            case "Sequence" when processor!["processors"] is JsonArray steps:
                return steps.Select(step => Read(path, step)).Aggregate(
                    None, (inner, outer) => new SpecialTokenFrame([.. outer.Before, .. inner.Before], [.. inner.After, .. outer.After]));
            default:
                throw Unsound(path, processor);
        }
    }

    private static int[] Ids(string path, JsonNode processor, JsonNode? piece)
    {
        if (TokenizerJson.Text(piece?["SpecialToken"]?["id"]) is not { } name)
        {
            return [];
        }

        return processor["special_tokens"]?[name]?["ids"] is JsonArray ids ? [.. ids.Select(id => Id(path, id))] : throw Unsound(path, piece);
    }

    private static int Id(string path, JsonNode? node) => node is JsonValue value && value.TryGetValue(out int id) && id >= 0 ? id : throw Unsound(path, node);

    private static CheckpointException Unsound(string path, JsonNode? node) =>
        new($"{path}: post_processor {node?.ToJsonString() ?? "null"} is not one that adds special tokens to a text. Fetch the file again.");
}
