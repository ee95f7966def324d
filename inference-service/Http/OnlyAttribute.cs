using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rudder.InferenceService.Http;

/// <summary>Marks a parameter that this service does not support. It accepts null and the values that change nothing.</summary>
/// <param name="name">Name of the parameter.</param>
/// <param name="why">What the service does not do, as a clause.</param>
/// <param name="accepted">The accepted values as JSON.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class OnlyAttribute(string name, string why, params string[] accepted) : JsonConverterAttribute
{
    public override JsonConverter CreateConverter(Type typeToConvert) => new Converter(name, why, accepted);

    private sealed class Converter(string name, string why, string[] accepted) : JsonConverter<object>
    {
        private readonly JsonElement[] _accepted = [.. accepted.Select(json => JsonElement.Parse(json))];

        public override object? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var value = JsonElement.ParseValue(ref reader);
            return Array.Exists(_accepted, known => JsonElement.DeepEquals(known, value))
                ? null
                : throw ApiException.Invalid(name, $"{name} takes only {string.Join(" or ", accepted)}: {why}. Leave it out.");
        }

        public override void Write(Utf8JsonWriter writer, object value, JsonSerializerOptions options) => throw new NotSupportedException();
    }
}
