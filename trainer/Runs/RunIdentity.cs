using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Runs;

/// <summary>Everything that affects a run's numbers: settings and a hash of each input. Kept in <c>identity.json</c>.</summary>
/// <param name="Settings">The recipe without the settings that a resume may change: saving, exporting, keeping, logging and alarms.</param>
/// <param name="Inputs">SHA-256 of each input by its name.</param>
internal sealed record RunIdentity(JsonObject Settings, IReadOnlyDictionary<string, string> Inputs)
{
    /// <summary>The file in a run folder.</summary>
    public const string FileName = "identity.json";

    private static readonly string[] Free = ["export", "save_type", "keep_checkpoints", "log_every", "alarms", "max_kl", "sample_every"];
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>The identity of a run of this recipe on these inputs.</summary>
    public static RunIdentity Of(object recipe, IEnumerable<RunInput> inputs)
    {
        var settings = (JsonObject)JsonNode.Parse(RecipeReader.Write(recipe))!;
        foreach (string key in Free)
        {
            settings.Remove(key);
        }

        return new RunIdentity(settings, inputs.ToDictionary(input => input.Name, input => input.Hash));
    }

    /// <summary>Reads the identity that a run began with.</summary>
    /// <exception cref="BadInputException">The file is missing or damaged.</exception>
    public static RunIdentity Read(RunFolder run)
    {
        string path = run.File(FileName);
        try
        {
            return JsonSerializer.Deserialize<RunIdentity>(File.ReadAllText(path), Indented) ?? throw new JsonException("it holds null");
        }
        catch (Exception damage) when (damage is JsonException or FileNotFoundException)
        {
            throw new BadInputException(
                $"{path} is missing or damaged ({damage.Message}), so it is unknown what the run began with. Restore the file, or start a new run.", damage);
        }
    }

    /// <summary>The file's text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Indented) + "\n";

    /// <summary>Refuses to resume a run with other settings or inputs. The error names each difference.</summary>
    /// <typeparam name="T">The recipe's record; it fills in settings that an older version did not have.</typeparam>
    /// <param name="run">The run folder.</param>
    /// <exception cref="BadInputException">A setting or input differs from the start of the run.</exception>
    public void RequireSame<T>(RunFolder run)
        where T : class
    {
        RunIdentity before = Read(run);
        List<string> changes = [];
        Compare(Of(RecipeReader.Parse<T>(before.Settings.ToJsonString(), run.File(FileName), []), []).Settings, Settings, string.Empty, changes);
        if (changes.Count > 0)
        {
            throw new BadInputException(
                $"The recipe of {run.Path} has changed: {string.Join("; ", changes)}. The run could not continue exactly. "
                + "Give the recipe and --set options it began with, or start a new run.");
        }

        string[] inputs = [.. before.Inputs.Where(input => Inputs.GetValueOrDefault(input.Key) != input.Value).Select(input => input.Key)];
        if (inputs.Length > 0)
        {
            throw new BadInputException(
                $"{string.Join(", ", inputs)} changed since {run.Path} was started (or is missing). The run could not continue exactly. "
                + "Put the old content back, or start a new run.");
        }
    }

    private static void Compare(JsonNode? before, JsonNode? now, string path, List<string> changes)
    {
        if (before is JsonObject left && now is JsonObject right)
        {
            foreach (string key in left.Select(p => p.Key).Union(right.Select(p => p.Key)))
            {
                Compare(left[key], right[key], path.Length == 0 ? key : $"{path}.{key}", changes);
            }
        }
        else if (!JsonNode.DeepEquals(before, now))
        {
            changes.Add($"{path} was {Text(before)}, is now {Text(now)}");
        }
    }

    private static string Text(JsonNode? node) => node?.ToJsonString() ?? "absent";
}
