using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Rudder.Client.Files;

/// <summary>JSON as this program reads and writes it: snake_case, unknown keys refused, errors that name file and key.</summary>
internal static class StrictJson
{
    private static readonly JsonDocumentOptions Relaxed = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Options for files that people read and edit.</summary>
    public static JsonSerializerOptions Options { get; } = Create(indented: true);

    /// <summary>Options for one object a line.</summary>
    public static JsonSerializerOptions Line { get; } = Create(indented: false);

    /// <summary>Reads a file into <typeparamref name="T"/>.</summary>
    /// <exception cref="BadInputException">The file is missing, is not JSON, or has unknown or wrong keys.</exception>
    public static T Read<T>(string path)
    {
        try
        {
            return Parse<T>(File.ReadAllText(path), path);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new BadInputException($"{path} does not exist.", missing);
        }
    }

    /// <summary>Parses text that came from <paramref name="source"/>.</summary>
    /// <exception cref="BadInputException">The text is not JSON, or has unknown or wrong keys.</exception>
    public static T Parse<T>(string text, string source)
    {
        try
        {
            JsonNode node = JsonNode.Parse(text, documentOptions: Relaxed)
                ?? throw new BadInputException($"{source} holds null instead of an object.");
            RequireKnownKeys(node, Options.GetTypeInfo(typeof(T)), "", source);
            return node.Deserialize<T>(Options)!;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException) // the latter for half a surrogate pair
        {
            throw new BadInputException($"{source}: {error.Message}", error);
        }
    }

    /// <summary>A value as JSON.</summary>
    public static JsonNode ToNode<T>(T value) => JsonSerializer.SerializeToNode(value, Options)!;

    /// <summary>Text of a value, indented, with a final newline.</summary>
    public static string Format<T>(T value) => JsonSerializer.Serialize(value, Options) + "\n";

    private static void RequireKnownKeys(JsonNode? node, JsonTypeInfo type, string path, string source)
    {
        if (node is JsonArray items && type.ElementType is { } item)
        {
            foreach (JsonNode? one in items)
            {
                RequireKnownKeys(one, Options.GetTypeInfo(item), path, source);
            }
        }

        if (node is not JsonObject values || type.Kind is not (JsonTypeInfoKind.Object or JsonTypeInfoKind.Dictionary))
        {
            return;
        }

        foreach ((string key, JsonNode? value) in values)
        {
            string place = path.Length == 0 ? key : $"{path}.{key}";
            JsonPropertyInfo? property = type.Properties.FirstOrDefault(property => property.Name == key);
            if (type.Kind == JsonTypeInfoKind.Object && property is null)
            {
                string[] known = [.. type.Properties.Select(property => property.Name)];
                throw new BadInputException(
                    $"{source}: unknown key '{place}'.{Spelling.Hint(key, known)} Known here: {string.Join(", ", known)}.");
            }

            RequireKnownKeys(value, Options.GetTypeInfo(property?.PropertyType ?? type.ElementType!), place, source);
        }
    }

    private static JsonSerializerOptions Create(bool indented) =>
        new()
        {
            TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            WriteIndented = indented,
            Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
}
