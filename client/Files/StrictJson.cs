using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Rudder.Client.Files;

/// <summary>JSON as this program reads and writes it: snake_case, unknown keys refused, errors that name file and place.</summary>
internal static class StrictJson
{
    /// <summary>Options for files that people read and edit.</summary>
    public static JsonSerializerOptions Options { get; } = Create(indented: true);

    /// <summary>Options for one object a line.</summary>
    public static JsonSerializerOptions Line { get; } = Create(indented: false);

    /// <summary>Reads a file into <typeparamref name="T"/>.</summary>
    public static T Read<T>(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{path} does not exist.", missing);
        }

        return Parse<T>(text, path);
    }

    /// <summary>Parses text that came from <paramref name="source"/>.</summary>
    public static T Parse<T>(string text, string source)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text, Options)
                ?? throw new InputException($"{source} holds null where an object is wanted.");
        }
        catch (JsonException error)
        {
            throw new InputException($"{source}: {error.Message}", error);
        }
    }

    /// <summary>A value as JSON.</summary>
    public static JsonNode ToNode<T>(T value) => JsonSerializer.SerializeToNode(value, Options)!;

    /// <summary>Text of a value, indented, with a final newline.</summary>
    public static string Format<T>(T value) => JsonSerializer.Serialize(value, Options) + "\n";

    private static JsonSerializerOptions Create(bool indented) =>
        new()
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            ReadCommentHandling = JsonCommentHandling.Skip,
            AllowTrailingCommas = true,
            WriteIndented = indented,
            Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
}
