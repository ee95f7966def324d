using System.Text.Json.Nodes;

namespace Rudder.Client.Files;

/// <summary>Refuses to continue a file that was begun with other settings, and names what differs.</summary>
internal static class SettingsGuard
{
    /// <summary>Compares the sidecar with the settings of this run.</summary>
    /// <param name="file">The file that would be continued.</param>
    /// <param name="sidecar">Its settings file.</param>
    /// <param name="settings">This run's settings.</param>
    public static void RequireSame(string file, string sidecar, JsonObject settings)
    {
        if (!File.Exists(sidecar))
        {
            throw new InputException(
                $"{file} exists without {sidecar}, so how it was made is unknown. Move it away or choose another output.");
        }

        JsonObject before = StrictJson.Read<JsonObject>(sidecar);
        List<string> differences = [];
        Compare(before, settings, "", differences);
        if (differences.Count > 0)
        {
            throw new InputException(
                $"{file} was made with other settings: {string.Join("; ", differences)}. Use the same settings, delete {file} and {sidecar} to start again, or choose another output."
            );
        }
    }

    private static void Compare(JsonNode? before, JsonNode? now, string path, List<string> differences)
    {
        if (before is JsonObject left && now is JsonObject right)
        {
            foreach (string key in left.Select(p => p.Key).Union(right.Select(p => p.Key)))
            {
                Compare(left[key], right[key], path.Length == 0 ? key : $"{path}.{key}", differences);
            }
        }
        else if (Text(before) != Text(now))
        {
            differences.Add($"{path} was {Text(before)}, is now {Text(now)}");
        }
    }

    private static string Text(JsonNode? node) => node?.ToJsonString() ?? "absent";
}
