using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Reads data files as <c>"FILE"</c>, <c>"folder/*.parquet"</c>, or a list of these.</summary>
internal sealed class FilesConverter : JsonConverter<IReadOnlyList<string>>
{
    public override IReadOnlyList<string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString() is { Length: > 0 } file ? [file] : [],
            JsonTokenType.StartArray => List(ref reader),
            _ => throw Wrong(),
        };

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<string> value, JsonSerializerOptions options)
    {
        if (value.Count == 1)
        {
            writer.WriteStringValue(value[0]);
            return;
        }

        JsonSerializer.Serialize(writer, value.ToArray(), options);
    }

    private static List<string> List(ref Utf8JsonReader reader)
    {
        List<string> files = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            files.Add(reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw Wrong());
        }

        return files;
    }

    private static JsonException Wrong() => new("It takes a file, a pattern such as \"data/*.parquet\", or a list of these.");
}
