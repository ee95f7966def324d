using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rudder.Client.Experiments;

/// <summary>Values of a recipe: what an experiment changes in it, and which files it names.</summary>
internal static partial class RecipeValues
{
    private static readonly HashSet<string> FileKeys =
    [
        "model", "reference", "value_model", "folder", "tokenizer", "pairs", "evaluation_pairs", "rows", "evaluation_rows", "files", "test",
        "exclude_pairs", "exclude_texts", "exclude_ids",
    ];

    private static readonly HashSet<string> RemoteRewards = ["service", "http"];

    /// <summary>The recipe after the changes.</summary>
    /// <param name="recipe">As in its file.</param>
    /// <param name="set">Values by dotted path.</param>
    public static JsonObject With(JsonObject recipe, IEnumerable<KeyValuePair<string, JsonNode>> set)
    {
        var result = (JsonObject)recipe.DeepClone();
        foreach ((string path, JsonNode value) in set)
        {
            string[] keys = path.Split('.');
            JsonObject parent = result;
            foreach (string key in keys[..^1])
            {
                if (parent[key] is not JsonObject inner)
                {
                    parent[key] = inner = [];
                }

                parent = inner;
            }

            parent[keys[^1]] = value.DeepClone();
        }

        return result;
    }

    /// <summary>Files and folders that a recipe reads, in their order, each once.</summary>
    public static IEnumerable<string> Files(JsonNode recipe) => Named(recipe).Distinct();

    /// <summary>Names in braces of the strings in a value, such as reference in "{reference}".</summary>
    public static IEnumerable<string> Placeholders(JsonNode value) =>
        Strings(value).SelectMany(text => Placeholder().Matches(text).Select(match => match.Groups[1].Value));

    /// <summary>A copy in which what stands in braces is replaced; unknown names stay.</summary>
    /// <param name="value">Recipe value.</param>
    /// <param name="known">What each name stands for.</param>
    public static JsonNode Fill(JsonNode value, IReadOnlyDictionary<string, string> known) =>
        value switch
        {
            JsonObject inner => new JsonObject(
                inner.Select(pair => KeyValuePair.Create(pair.Key, pair.Value is null ? null : (JsonNode?)Fill(pair.Value, known)))),
            JsonArray list => new JsonArray([.. list.Select(item => item is null ? null : Fill(item, known))]),
            JsonValue leaf when leaf.TryGetValue(out string? text) => JsonValue.Create(
                Placeholder().Replace(text, match => known.GetValueOrDefault(match.Groups[1].Value, match.Value)))!,
            _ => value.DeepClone(),
        };

    private static IEnumerable<string> Named(JsonNode? node) =>
        node switch
        {
            JsonObject values => values.SelectMany(pair =>
                FileKeys.Contains(pair.Key) && !IsRemote(values) && pair.Value is JsonValue or JsonArray
                    ? Strings(pair.Value)
                    : Named(pair.Value)),
            JsonArray list => list.SelectMany(Named),
            _ => [],
        };

    /// <summary>The model of such a reward is a name at another program.</summary>
    private static bool IsRemote(JsonObject values) => values["kind"] is JsonValue kind && RemoteRewards.Contains(kind.ToString());

    private static IEnumerable<string> Strings(JsonNode? node) =>
        node switch
        {
            JsonObject values => values.SelectMany(pair => Strings(pair.Value)),
            JsonArray list => list.SelectMany(Strings),
            JsonValue leaf when leaf.TryGetValue(out string? text) => [text],
            _ => [],
        };

    [GeneratedRegex(@"\{([a-z_][a-z0-9_-]*)\}")]
    private static partial Regex Placeholder();
}
