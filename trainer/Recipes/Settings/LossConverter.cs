using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Reads a loss as <c>"dpo"</c>, or as a mix: <c>{"dpo": 0.8, "sft": 0.2}</c>.</summary>
internal sealed class LossConverter : JsonConverter<IReadOnlyDictionary<string, double>>
{
    public override IReadOnlyDictionary<string, double> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.String => new Dictionary<string, double> { [reader.GetString()!] = 1 },
            JsonTokenType.StartObject => JsonSerializer.Deserialize<OrderedDictionary<string, double>>(ref reader, options)!,
            _ => throw new JsonException("It takes a name, as in \"dpo\", or names with weights, as in {\"dpo\": 0.8, \"sft\": 0.2}."),
        };

    public override void Write(Utf8JsonWriter writer, IReadOnlyDictionary<string, double> value, JsonSerializerOptions options)
    {
        if (value.Count == 1 && value.Single().Value == 1)
        {
            writer.WriteStringValue(value.Single().Key);
            return;
        }

        JsonSerializer.Serialize(writer, value, options);
    }
}
