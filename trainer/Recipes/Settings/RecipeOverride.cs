using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Applies one <c>--set a.b=value</c> to a recipe's JSON, converted to the setting's type.</summary>
internal static class RecipeOverride
{
    /// <summary>Sets the value; an unknown path or a value of another type is an error.</summary>
    public static void Apply(JsonObject recipe, string set, Type type)
    {
        int equals = set.IndexOf('=', StringComparison.Ordinal);
        if (equals < 1)
        {
            throw new BadInputException($"--set takes key=value, as in --set optimizer.learning_rate=0.0005; got '{set}'.");
        }

        string path = set[..equals];
        string[] keys = path.Split('.');
        JsonObject target = recipe;
        for (int i = 0; i < keys.Length; i++)
        {
            PropertyInfo property = RecipeCheck.Find(type, keys[i])
                ?? throw new BadInputException($"--set {path}: there is no setting '{keys[i]}'.{RecipeCheck.Known(type, keys[i])}");
            type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (i == keys.Length - 1)
            {
                target[keys[i]] = Value(set[(equals + 1)..], HasTextForm(property) ? null : type, path);
            }
            else
            {
                target[keys[i]] ??= new JsonObject();
                target = target[keys[i]] as JsonObject ?? throw new BadInputException($"--set {path}: '{keys[i]}' holds no settings below it.");
            }
        }
    }

    /// <summary>Whether a setting takes a text in place of its object or list, as <c>loss</c> and <c>pairs</c> do.</summary>
    private static bool HasTextForm(PropertyInfo property) => property.IsDefined(typeof(JsonConverterAttribute));

    /// <param name="text">The value.</param>
    /// <param name="type">The setting's type; null for a text, an object or a list.</param>
    /// <param name="path">The setting, for messages.</param>
    private static JsonNode? Value(string text, Type? type, string path)
    {
        const NumberStyles Float = NumberStyles.Float;
        CultureInfo culture = CultureInfo.InvariantCulture;
        if (type == typeof(string) || (type is null && !text.StartsWith('{') && !text.StartsWith('[')))
        {
            return text == "null" ? null : JsonValue.Create(text);
        }

        if (type == typeof(int))
        {
            return int.TryParse(text, NumberStyles.AllowLeadingSign, culture, out int whole) ? JsonValue.Create(whole) : throw Wrong("a whole number");
        }

        if (type == typeof(double))
        {
            return double.TryParse(text, Float, culture, out double number) ? JsonValue.Create(number) : throw Wrong("a number");
        }

        if (type == typeof(bool))
        {
            return bool.TryParse(text, out bool flag) ? JsonValue.Create(flag) : throw Wrong("true or false");
        }

        try
        {
            return JsonNode.Parse(text, null, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException)
        {
            throw Wrong("JSON, as in '[\"a\",\"b\"]'");
        }

        BadInputException Wrong(string expected) => new($"--set {path}={text}: {path} takes {expected}.");
    }
}
