using System.Text.Json;

namespace Rudder.InferenceService.Http;

/// <summary>The fields of a JSON object, read strictly: an unknown field, one given twice, or a value of another kind is an error that names it.</summary>
internal sealed class JsonFields
{
    private const int LongestQuotedName = 64;
    private const int LongestQuotedNumber = 32;
    private readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);
    private readonly string _prefix;

    /// <summary>Takes an object apart.</summary>
    /// <param name="json">The object.</param>
    /// <param name="known">The names it may have.</param>
    /// <param name="prefix">What stands before a name in messages: empty, or the object's own name and a dot.</param>
    /// <exception cref="OpenAiException">It is no object, or has an unknown field or one twice.</exception>
    public JsonFields(JsonElement json, IReadOnlyCollection<string> known, string prefix = "")
    {
        _prefix = prefix;
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw prefix.Length == 0
                ? OpenAiException.Invalid(null, $"the body is {Kind(json)}; it must be an object such as {{\"model\": \"policy\", \"prompt\": \"The film\"}}.")
                : Wrong(prefix.TrimEnd('.'), json, "an object");
        }

        foreach (var field in json.EnumerateObject())
        {
            if (!known.Contains(field.Name))
            {
                throw Unknown(prefix, field.Name, known);
            }

            if (!_fields.TryAdd(field.Name, field.Value))
            {
                throw OpenAiException.Invalid(prefix + field.Name, $"{prefix}{field.Name} is given twice; leave one out.");
            }
        }
    }

    /// <summary>A field's value, or null where it is absent or null.</summary>
    public JsonElement? Find(string name) =>
        _fields.TryGetValue(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A text, or null where it is absent.</summary>
    public string? Text(string name) => Find(name) is { } value ? TextOf(_prefix + name, value) : null;

    /// <summary>True or false.</summary>
    public bool Flag(string name) => Find(name) is { } value && value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(_prefix + name, value, "true or false"),
    };

    /// <summary>A number.</summary>
    public float Number(string name, float otherwise) => Find(name) is { } value
        ? value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number) ? number : throw Wrong(_prefix + name, value, "a number")
        : otherwise;

    /// <summary>A whole number, or null where it is absent.</summary>
    public int? Integer(string name) => Find(name) is { } value ? IntegerOf(_prefix + name, value) : null;

    /// <summary>A text.</summary>
    /// <exception cref="OpenAiException">It is none.</exception>
    public static string TextOf(string name, JsonElement value) => value.ValueKind == JsonValueKind.String
        ? value.GetString()!
        : throw Wrong(name, value, "a string");

    /// <summary>A whole number.</summary>
    /// <exception cref="OpenAiException">It is none, or too large for one.</exception>
    public static int IntegerOf(string name, JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
        ? number
        : throw Wrong(name, value, "a whole number of at most 32 bits");

    /// <summary>A value of another kind than its field takes.</summary>
    /// <param name="name">The field.</param>
    /// <param name="value">What it holds; only its kind is told, or a number as it is.</param>
    /// <param name="wanted">What it takes.</param>
    public static OpenAiException Wrong(string name, JsonElement value, string wanted) =>
        OpenAiException.Invalid(name, $"{name} is {Kind(value)}; it takes {wanted}.");

    private static OpenAiException Unknown(string prefix, string name, IReadOnlyCollection<string> known)
    {
        // A name may be anything, user text too: only what looks like a parameter's is told.
        bool quotable = name.Length is > 0 and <= LongestQuotedName && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-');
        string told = quotable ? prefix + name : $"a field with a name of {name.Length} characters";
        return OpenAiException.Invalid(quotable ? prefix + name : null, $"{told} is unknown; known: {string.Join(", ", known)}. Leave it out.");
    }

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => value.GetRawText() is { Length: <= LongestQuotedNumber } number ? number : "a number of many digits",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        _ => "null",
    };
}
