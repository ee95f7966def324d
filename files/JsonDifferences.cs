using System.Text.Json.Nodes;

namespace Rudder.Files;

/// <summary>Names what differs between two JSON documents, for a program that refuses to continue with other settings.</summary>
public static class JsonDifferences
{
    /// <summary>One phrase for each difference, e.g. <c>optimizer.beta was 0.1, is now absent</c>; empty where both are equal.</summary>
    /// <param name="before">The older document.</param>
    /// <param name="now">The newer one.</param>
    public static IReadOnlyList<string> Of(JsonNode? before, JsonNode? now) => [.. Compare(before, now, "")];

    private static IEnumerable<string> Compare(JsonNode? before, JsonNode? now, string path)
    {
        if (before is JsonObject left && now is JsonObject right)
        {
            return left.Select(pair => pair.Key).Union(right.Select(pair => pair.Key))
                .SelectMany(key => Compare(left[key], right[key], path.Length == 0 ? key : $"{path}.{key}"));
        }

        return JsonNode.DeepEquals(before, now) ? [] : [$"{path} was {Text(before)}, is now {Text(now)}"];
    }

    private static string Text(JsonNode? node) => node?.ToJsonString() ?? "absent";
}
