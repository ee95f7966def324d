using System.Text.Json;

namespace Rudder.Datasets;

/// <summary>One JSON object of a JSON Lines file. Its readers throw errors that name file, line and key.</summary>
internal sealed class JsonRow(string place, JsonElement json)
{
    /// <summary>"file:line".</summary>
    public string Place { get; } = place;

    /// <summary>A required string.</summary>
    public string Text(string key) => OptionalText(key) ?? throw Bad(key, "is missing; a string belongs there");

    /// <summary>A string, or null where the key is absent or null.</summary>
    public string? OptionalText(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => Decode(key, value),
        { } value => throw Bad(key, $"is {Show(value)}; a string belongs there"),
    };

    /// <summary>An id: a string, or a number, which is read as its text. Null where the key is absent or null.</summary>
    public string? OptionalId(string key) => Find(key) is { ValueKind: JsonValueKind.Number } number ? number.GetRawText() : OptionalText(key);

    /// <summary>An integer, or null where the key is absent or null.</summary>
    public int? OptionalInteger(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out int number) => number,
        { } value => throw Bad(key, $"is {Show(value)}; an integer belongs there"),
    };

    /// <summary>True or false, or null where the key is absent or null.</summary>
    public bool? OptionalFlag(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => throw Bad(key, $"is {Show(value)}; true or false belongs there"),
    };

    /// <summary>A list of integers, or null where the key is absent or null.</summary>
    public int[]? OptionalIntegers(string key)
    {
        if (Find(key) is not { } value)
        {
            return null;
        }

        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        int[] numbers =
        [
            .. items.Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int number) && number >= 0 ? number : -1),
        ];
        return value.ValueKind == JsonValueKind.Array && !numbers.Contains(-1)
            ? numbers
            : throw Bad(key, $"is {Show(value)}; a list of integers from 0 belongs there");
    }

    /// <summary>One id or a list of ids, each a string or a number. Empty where the key is absent or null.</summary>
    public string[] Ids(string key)
    {
        if (Find(key) is not { } value)
        {
            return [];
        }

        JsonElement[] ids = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        return Array.TrueForAll(ids, id => id.ValueKind is JsonValueKind.String or JsonValueKind.Number)
            ? [.. ids.Select(id => id.ValueKind == JsonValueKind.Number ? id.GetRawText() : Decode(key, id))]
            : throw Bad(key, $"is {Show(value)}; an id or a list of ids belongs there (strings or numbers)");
    }

    /// <summary>The error for one key.</summary>
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
