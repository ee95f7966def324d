using System.Text.Json.Nodes;

namespace Rudder.Client.Files;

/// <summary>Refuses to continue a file that was begun with other settings, and names what differs.</summary>
internal static class SettingsGuard
{
    /// <summary>Compares the sidecar with the settings of this run.</summary>
    public static void RequireSame(string file, string sidecar, JsonObject settings)
    {
        if (!File.Exists(sidecar))
        {
            throw new BadInputException(
                $"{file} exists without {sidecar}, so how it was made is unknown. Move it away or choose another output.");
        }

        IReadOnlyList<string> differences = JsonDifferences.Of(StrictJson.Read<JsonObject>(sidecar), settings);
        if (differences.Count > 0)
        {
            throw new BadInputException(
                $"{file} was made with other settings: {string.Join("; ", differences)}. Use the same settings, delete {file} and {sidecar} to start again, or choose another output."
            );
        }
    }
}
