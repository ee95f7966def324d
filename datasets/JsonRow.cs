using System.Text.Json;

namespace Rudder.Datasets;

/// <summary>One JSON object of a JSON Lines file, with readers whose failures name file, line and key.</summary>
internal sealed class JsonRow(string place, JsonElement json)
{
    /// <summary>"file:line".</summary>
    public string Place { get; } = place;

    /// <summary>A string that must be there.</summary>
    public string Text(string key) => OptionalText(key) ?? throw Bad(key, "is missing; a string belongs there");

    /// <summary>A string, or null where the key is absent or null.</summary>
    public string? OptionalText(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => Decode(key, value),
        { } value => throw Bad(key, $"is {Show(value)}; a string belongs there"),
    };

    /// <summary>An integer, or null where the key is absent or null.</summary>
    public int? OptionalInteger(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out int number) => number,
        { } value => throw Bad(key, $"is {Show(value)}; an integer belongs there"),
    };

    /// <summary>A list of strings; empty where the key is absent or null.</summary>
    public string[] Texts(string key)
    {
        if (Find(key) is not { } value)
        {
            return [];
        }

        return value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String)
            ? [.. value.EnumerateArray().Select(v => Decode(key, v))]
            : throw Bad(key, $"is {Show(value)}; a list of strings belongs there");
    }

    /// <summary>A string or a list of strings; empty where the key is absent or null.</summary>
    public string[] TextOrTexts(string key) => Find(key) switch
    {
        { ValueKind: JsonValueKind.String } value => [Decode(key, value)],
        null or { ValueKind: JsonValueKind.Array } => Texts(key),
        { } value => throw Bad(key, $"is {Show(value)}; a string or a list of strings belongs there"),
    };

    /// <summary>A failure of one key.</summary>
    public DatasetException Bad(string key, string what) => new($"{Place}: key '{key}' {what}.");

    private JsonElement? Find(string key)
    {
        try
        {
            return json.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
        }
        catch (InvalidOperationException e)
        {
            throw new DatasetException($"{Place}: a key holds half a surrogate pair. Write valid Unicode.", e);
        }
    }

    private string Decode(string key, JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e) // half of a surrogate pair, written as \uD8xx
        {
            throw new DatasetException($"{Place}: key '{key}' holds half a surrogate pair. Write valid Unicode.", e);
        }
    }

    private static string Show(JsonElement value)
    {
        string text = value.GetRawText();
        return text.Length > 40 ? text[..40] + "…" : text;
    }
}
