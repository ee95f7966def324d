using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rudder.InferenceService.Http;

/// <summary>Marks a parameter that this service does not support. Only null and its neutral value are accepted.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class NeutralAttribute(string json) : JsonConverterAttribute
{
    /// <summary>The accepted value as JSON.</summary>
    public string Json => json;

    public override JsonConverter CreateConverter(Type typeToConvert) => new Converter(json);

    private sealed class Converter(string json) : JsonConverter<object>
    {
        public override object? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            IsNeutral(ref reader) ? null : throw new JsonException();

        public override void Write(Utf8JsonWriter writer, object value, JsonSerializerOptions options) => throw new NotSupportedException();

        private bool IsNeutral(ref Utf8JsonReader reader) => json switch
        {
            "{}" => reader.TokenType == JsonTokenType.StartObject && reader.Read() && reader.TokenType == JsonTokenType.EndObject,
            "[]" => reader.TokenType == JsonTokenType.StartArray && reader.Read() && reader.TokenType == JsonTokenType.EndArray,
            "\"\"" => reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(""u8),
            "true" => reader.TokenType == JsonTokenType.True,
            "false" => reader.TokenType == JsonTokenType.False,
            _ => reader.TokenType == JsonTokenType.Number && reader.GetDouble() == double.Parse(json, CultureInfo.InvariantCulture),
        };
    }
}
