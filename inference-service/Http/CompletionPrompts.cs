using System.Collections;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rudder.Engine;

namespace Rudder.InferenceService.Http;

/// <summary>The prompts of a request: texts or token ids.</summary>
/// <param name="Texts">Texts; null where the prompts are ids.</param>
/// <param name="Ids">Token ids; null where the prompts are texts.</param>
/// <param name="IsList">Whether the request contains a list of prompts.</param>
/// <remarks>Engine prompts are created lazily, after the count is checked: an empty text of 3 bytes takes about 50 in memory.</remarks>
[JsonConverter(typeof(PromptsConverter))]
internal sealed record CompletionPrompts(IReadOnlyList<string>? Texts, IReadOnlyList<IReadOnlyList<int>>? Ids, bool IsList) : IReadOnlyList<PromptContent>
{
    public int Count => Texts?.Count ?? Ids!.Count;

    public PromptContent this[int index] => new() { Text = Texts?[index], Ids = Ids?[index] };

    public IEnumerator<PromptContent> GetEnumerator() => Enumerable.Range(0, Count).Select(index => this[index]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>Reads a string, a list of strings, a list of token ids, or a list of such lists.</summary>
internal sealed class PromptsConverter : ReadConverter<CompletionPrompts>
{
    public override CompletionPrompts Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        const string name = "prompt";
        if (reader.TokenType == JsonTokenType.String)
        {
            return new CompletionPrompts([reader.GetString()!], null, IsList: false);
        }

        if (reader.TokenType != JsonTokenType.StartArray || !reader.Read() || reader.TokenType == JsonTokenType.EndArray)
        {
            throw Takes(name, "a string, or an array, not empty, of strings, of token ids, or of arrays of token ids");
        }

        return reader.TokenType switch
        {
            JsonTokenType.String => new CompletionPrompts(ReadItems(ref reader, name, ReadText), null, IsList: true),
            JsonTokenType.Number => new CompletionPrompts(null, [ReadItems(ref reader, name, ReadId)], IsList: false),
            _ => new CompletionPrompts(null, ReadItems(ref reader, name, ReadIds), IsList: true),
        };
    }

    private static IReadOnlyList<int> ReadIds(ref Utf8JsonReader reader, string list, int index) => reader.TokenType == JsonTokenType.StartArray && reader.Read()
        ? ReadItems(ref reader, $"{list}[{index}]", ReadId)
        : throw Takes($"{list}[{index}]", "an array of token ids, like the other prompts");
}

/// <summary>Reads <c>stop</c>.</summary>
internal sealed class StopConverter() : TextsConverter("stop");

/// <summary>Reads <c>input</c>.</summary>
internal sealed class InputConverter() : TextsConverter("input");

/// <summary>Reads <c>tokens</c>, a list of ids.</summary>
internal sealed class TokensConverter : ReadConverter<IReadOnlyList<int>>
{
    public override IReadOnlyList<int> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.StartArray && reader.Read() ? ReadItems(ref reader, "tokens", ReadId) : throw Takes("tokens", "an array of token ids");
}

/// <summary>Reads a string or a list of strings.</summary>
/// <param name="name">Name of the parameter.</param>
internal abstract class TextsConverter(string name) : ReadConverter<IReadOnlyList<string>>
{
    public override IReadOnlyList<string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.String => [reader.GetString()!],
        JsonTokenType.StartArray when reader.Read() => ReadItems(ref reader, name, ReadText),
        _ => throw Takes(name, "a string or an array of strings"),
    };
}

/// <summary>Reads any 64-bit integer. A negative one becomes its two's complement.</summary>
internal sealed class SeedConverter : ReadConverter<ulong>
{
    public override ulong Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType != JsonTokenType.Number
        ? throw Takes("seed", "a whole number")
        : reader.TryGetUInt64(out ulong seed) ? seed
        : reader.TryGetInt64(out long negative) ? unchecked((ulong)negative)
        : throw Takes("seed", $"a whole number from {long.MinValue} to {ulong.MaxValue}");
}

/// <summary>Reads a parameter that accepts several types. Errors name the parameter.</summary>
/// <typeparam name="T">The parameter.</typeparam>
internal abstract class ReadConverter<T> : JsonConverter<T>
{
    /// <summary>Reads one element of a list.</summary>
    protected delegate TItem ReadItem<out TItem>(ref Utf8JsonReader reader, string list, int index);

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => throw new NotSupportedException();

    /// <summary>Reads from the first element of an array to its end.</summary>
    protected static List<TItem> ReadItems<TItem>(ref Utf8JsonReader reader, string name, ReadItem<TItem> read)
    {
        var items = new List<TItem>();
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            items.Add(read(ref reader, name, items.Count));
        }

        return items;
    }

    /// <summary>Reads a string.</summary>
    protected static string ReadText(ref Utf8JsonReader reader, string list, int index) =>
        reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw Takes($"{list}[{index}]", "a string");

    /// <summary>Reads a token id.</summary>
    protected static int ReadId(ref Utf8JsonReader reader, string list, int index) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int id) ? id : throw Takes($"{list}[{index}]", "a token id, a whole number of at most 32 bits");

    /// <summary>A value of the wrong kind.</summary>
    protected static ApiException Takes(string name, string kind) => ApiException.Invalid(name, $"{name} takes {kind}.");
}
