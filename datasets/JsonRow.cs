using System.Globalization;
using System.Text.Json;

namespace Rudder.Datasets;

/// <summary>One row of a data file: named values. Its readers throw errors that name file, line and column.</summary>
/// <param name="place">"file:line".</param>
/// <param name="json">An object.</param>
/// <param name="settings">Names of columns; the shape for messages.</param>
/// <param name="kind">How messages call a named value.</param>
/// <param name="cells">Whether all values are strings, as in CSV: flags and numbers are read from their text, and empty ones are absent.</param>
internal sealed class JsonRow(string place, JsonElement json, RowSettings settings, string kind = "key", bool cells = false)
{
    /// <summary>"file:line".</summary>
    public string Place { get; } = place;

    /// <summary>The row's names and values.</summary>
    public JsonElement Json { get; } = json;

    /// <summary>Whether the row has a value of this name that is neither null nor an empty cell.</summary>
    public bool Has(string key) => Find(key) is { } value && !IsEmptyCell(value);

    /// <summary>A required string.</summary>
    public string Text(string key) => OptionalText(key) ?? throw Bad(key, "is missing; a string belongs there");

    /// <summary>A required string of at least one character.</summary>
    public string FilledText(string key) => Text(key) is { Length: > 0 } text ? text : throw Bad(key, "is empty");

    /// <summary>A string, or null where the key is absent or null.</summary>
    public string? OptionalText(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => Decode(key, value),
        { ValueKind: JsonValueKind.Array } list when IsMessages(list) =>
            throw Bad(key, "is a list of messages (role, content), which needs a chat template; these are not supported yet. Give a string"),
        { } value => throw Bad(key, $"is {Show(value)}; a string belongs there"),
    };

    /// <summary>An id: a string, or a number, which is read as its text. Null where the key is absent or null.</summary>
    public string? OptionalId(string key) => Find(key) switch
    {
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        { } value when IsEmptyCell(value) => null,
        _ => OptionalText(key),
    };

    /// <summary>An integer, or null where the key is absent or null.</summary>
    public int? OptionalInteger(string key) => Find(key) switch
    {
        null => null,
        { } value when IsEmptyCell(value) => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out int number) => number,
        { ValueKind: JsonValueKind.String } value when Integer(value) is int number => number,
        { } value => throw Bad(key, $"is {Show(value)}; an integer belongs there"),
    };

    /// <summary>True or false, or null where the key is absent or null. A cell may also hold 1 or 0.</summary>
    public bool? OptionalFlag(string key) => Find(key) switch
    {
        null => null,
        { } value when IsEmptyCell(value) => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { ValueKind: JsonValueKind.String } value when cells && bool.TryParse(value.GetString(), out bool flag) => flag,
        { ValueKind: JsonValueKind.String } value when cells && value.GetString() is "1" or "0" => value.GetString() == "1",
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
    public DatasetException Bad(string key, string what) => Bad($"{kind} '{Column(key)}' {what}");

    /// <summary>The error for the row.</summary>
    public DatasetException Bad(string what, Exception? inner = null) =>
        new($"{Place}: {what}.{(settings.Shape is null ? string.Empty : $" Expected {settings.Shape}; found {Found()}.")}", inner) { Row = Place };

    private string Column(string key) => settings.Columns.GetValueOrDefault(key, key);

    /// <summary>A column that the user named must exist; others may be absent.</summary>
    private JsonElement? Find(string key)
    {
        try
        {
            return Json.TryGetProperty(Column(key), out var value) ? (value.ValueKind == JsonValueKind.Null ? null : value)
                : settings.Columns.ContainsKey(key) ? throw Bad(key, $"is missing; the settings name it as the column of '{key}'")
                : null;
        }
        catch (InvalidOperationException e)
        {
            throw Bad("a key holds half a surrogate pair. Write valid Unicode", e);
        }
    }

    private string Decode(string key, JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException) // half of a surrogate pair, written as \uD8xx
        {
            throw Bad(key, "holds half a surrogate pair. Write valid Unicode");
        }
    }

    private int? Integer(JsonElement cell) =>
        cells && int.TryParse(cell.GetString(), NumberStyles.Integer, CultureInfo.InvariantCulture, out int number) ? number : null;

    private bool IsEmptyCell(JsonElement value) => cells && value.ValueKind == JsonValueKind.String && value.ValueEquals(string.Empty);

    private static bool IsMessages(JsonElement list) =>
        list.EnumerateArray().FirstOrDefault() is { ValueKind: JsonValueKind.Object } first && first.TryGetProperty("role", out _);

    /// <summary>The names with the kinds of their values; no values, which are the user's text.</summary>
    private string Found()
    {
        const int Shown = 16;
        try
        {
            string[] names = [.. Json.EnumerateObject().Take(Shown).Select(value => $"{value.Name} ({KindOf(value.Value)})")];
            return names.Length > 0 ? string.Join(", ", names) : "nothing";
        }
        catch (InvalidOperationException) // half of a surrogate pair in a name
        {
            return "a name that is not valid Unicode";
        }
    }

    private static string KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => "list",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        var other => other.ToString().ToLowerInvariant(),
    };

    private static string Show(JsonElement value)
    {
        string text = value.GetRawText();
        return text.Length > 40 ? text[..40] + "…" : text;
    }
}
