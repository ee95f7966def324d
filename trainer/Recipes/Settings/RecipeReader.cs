using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Reads a recipe file and its --set overrides into a record. Checks every value before anything runs.</summary>
internal static class RecipeReader
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        IgnoreReadOnlyProperties = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>Reads the file, applies the overrides and checks the result.</summary>
    /// <typeparam name="T">The recipe's record.</typeparam>
    /// <param name="path">JSON file; comments and trailing commas are allowed.</param>
    /// <param name="sets">Overrides, each <c>dotted.path=value</c>, applied in order.</param>
    public static T Read<T>(string path, IReadOnlyList<string> sets)
        where T : class
    {
        if (!File.Exists(path))
        {
            throw new BadInputException($"The recipe file {path} does not exist. Check the path.");
        }

        return Parse<T>(File.ReadAllText(path), path, sets);
    }

    /// <summary>As <see cref="Read"/>, from text; <paramref name="path"/> only names it in messages.</summary>
    public static T Parse<T>(string text, string path, IReadOnlyList<string> sets)
        where T : class
    {
        try
        {
            JsonObject json = ParseObject(text, path);
            foreach (string set in sets)
            {
                RecipeOverride.Apply(json, set, typeof(T));
            }

            RecipeCheck.Keys(json, typeof(T), string.Empty, path);
            T recipe = json.Deserialize<T>(Options)!;
            RecipeCheck.Values(recipe, string.Empty, path);
            return recipe is TrainingRecipe training ? (T)(object)training.Complete(path) : recipe;
        }
        catch (JsonException e)
        {
            throw new BadInputException($"{path}: the value of {e.Path?.TrimStart('$', '.')} has the wrong type. {e.Message}", e);
        }
        catch (InvalidOperationException e) // half of a surrogate pair, written as \uD8xx, in a key or a text
        {
            throw new BadInputException($"{path}: a key or a text is not valid Unicode ({e.Message}). Write both halves of a surrogate pair.", e);
        }
    }

    /// <summary>The recipe with every default filled in, as JSON.</summary>
    public static string Write(object recipe) => JsonSerializer.Serialize(recipe, recipe.GetType(), Options);

    /// <summary>Converts settings by key to a record of type <paramref name="type"/>. Absent settings take their defaults.</summary>
    public static T Bind<T>(IReadOnlyDictionary<string, JsonElement> settings, Type type) =>
        (T)JsonSerializer.SerializeToNode(settings).Deserialize(type, Options)!;

    /// <summary>Converts a record to settings by key, with every default filled in.</summary>
    public static Dictionary<string, JsonElement> Unbind(object settings) =>
        JsonNode.Parse(Write(settings))!.Deserialize<Dictionary<string, JsonElement>>()!;

    /// <summary>A property's name in a recipe file.</summary>
    public static string KeyOf(string property) => JsonNamingPolicy.SnakeCaseLower.ConvertName(property);

    private static JsonObject ParseObject(string text, string path)
    {
        var relaxed = new JsonDocumentOptions
        {
            CommentHandling = JsonCommentHandling.Skip,
            AllowTrailingCommas = true,
            AllowDuplicateProperties = false,
        };
        try
        {
            return JsonNode.Parse(text, null, relaxed) as JsonObject ?? throw new BadInputException($"{path} is not a JSON object.");
        }
        catch (JsonException e)
        {
            throw new BadInputException($"{path} is not JSON: {e.Message}", e);
        }
    }
}
