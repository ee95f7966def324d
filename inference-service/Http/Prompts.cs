using System.Text.Json;
using System.Text.Json.Serialization;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Http;

/// <summary>The prompts of a request: texts or token ids.</summary>
/// <param name="Texts">Texts; null where the prompts are ids.</param>
/// <param name="Ids">Token ids; null where the prompts are texts.</param>
/// <param name="IsList">Whether the request holds a list of prompts and not one prompt.</param>
[JsonConverter(typeof(PromptsConverter))]
internal sealed record Prompts(IReadOnlyList<string>? Texts, IReadOnlyList<IReadOnlyList<int>>? Ids, bool IsList)
{
    /// <summary>Number of prompts.</summary>
    public int Count => Texts?.Count ?? Ids!.Count;

    /// <summary>The prompts as gRPC has them.</summary>
    public IEnumerable<Prompt> ToProtos() => Texts?.Select(text => new Prompt { Text = text }) ?? Ids!.Select(ids =>
    {
        var prompt = new Prompt { Ids = new TokenIds() };
        prompt.Ids.Ids.AddRange(ids);
        return prompt;
    });
}

/// <summary>Reads a string, a list of strings, a list of token ids, or a list of such lists.</summary>
internal sealed class PromptsConverter : JsonConverter<Prompts>
{
    private const string Name = "prompt";

    public override Prompts Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return new Prompts([reader.GetString()!], null, IsList: false);
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw ApiException.Invalid(Name, "prompt takes a string, an array of strings, an array of token ids, or an array of such arrays.");
        }

        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.EndArray => throw ApiException.Invalid(Name, "prompt is an empty array; it takes at least one text or token id."),
            JsonTokenType.String => new Prompts(JsonLists.ReadTexts(ref reader, Name), null, IsList: true),
            JsonTokenType.Number => new Prompts(null, [ReadIds(ref reader, Name)], IsList: false),
            _ => new Prompts(null, ReadLists(ref reader), IsList: true),
        };
    }

    public override void Write(Utf8JsonWriter writer, Prompts value, JsonSerializerOptions options) => throw new NotSupportedException();

    private static List<IReadOnlyList<int>> ReadLists(ref Utf8JsonReader reader)
    {
        var lists = new List<IReadOnlyList<int>>();
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            string name = $"{Name}[{lists.Count}]";
            if (reader.TokenType != JsonTokenType.StartArray)
            {
                throw ApiException.Invalid(name, $"{name} takes an array of token ids, as the other prompts.");
            }

            reader.Read();
            lists.Add(ReadIds(ref reader, name));
        }

        return lists;
    }

    private static List<int> ReadIds(ref Utf8JsonReader reader, string name)
    {
        var ids = new List<int>();
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id))
            {
                throw ApiException.Invalid($"{name}[{ids.Count}]", $"{name}[{ids.Count}] takes a token id, a whole number of at most 32 bits.");
            }

            ids.Add(id);
        }

        return ids;
    }
}

/// <summary>Reads a string or a list of strings.</summary>
internal sealed class StopConverter : JsonConverter<IReadOnlyList<string>>
{
    private const string Name = "stop";

    public override IReadOnlyList<string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                return [reader.GetString()!];
            case JsonTokenType.StartArray:
                reader.Read();
                return JsonLists.ReadTexts(ref reader, Name);
            default:
                throw ApiException.Invalid(Name, "stop takes a string or an array of strings.");
        }
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<string> value, JsonSerializerOptions options) => throw new NotSupportedException();
}

/// <summary>Reads any whole number of 64 bits; a negative one stands for its two's complement.</summary>
internal sealed class SeedConverter : JsonConverter<ulong>
{
    public override ulong Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetUInt64(out ulong seed))
        {
            return seed;
        }

        return reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long negative)
            ? unchecked((ulong)negative)
            : throw ApiException.Invalid("seed", $"seed takes a whole number from {long.MinValue} to {ulong.MaxValue}.");
    }

    public override void Write(Utf8JsonWriter writer, ulong value, JsonSerializerOptions options) => throw new NotSupportedException();
}

/// <summary>Reads lists of one type.</summary>
internal static class JsonLists
{
    /// <summary>Reads strings up to the end of the array that the reader is inside of.</summary>
    /// <param name="reader">At the first element or the end.</param>
    /// <param name="name">The parameter, for errors.</param>
    public static List<string> ReadTexts(ref Utf8JsonReader reader, string name)
    {
        var texts = new List<string>();
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            texts.Add(reader.TokenType == JsonTokenType.String
                ? reader.GetString()!
                : throw ApiException.Invalid($"{name}[{texts.Count}]", $"{name}[{texts.Count}] takes a string."));
        }

        return texts;
    }
}
