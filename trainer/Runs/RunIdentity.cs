using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Runs;

/// <summary>Everything that affects a run's numbers: settings and a hash of each input. Kept in <c>identity.json</c>.</summary>
/// <param name="Settings">
/// The recipe without the settings that a resume may change: saving, exporting, keeping, logging, alarms, and the limit of the log-prob gap;
/// and without the device, which stands below.
/// </param>
/// <param name="Inputs">SHA-256 of each input by its name.</param>
/// <param name="Device">cpu or cuda, whose sums and random numbers differ; not which CUDA device. Null in older records.</param>
/// <param name="Ranks">Number of processes, which add up gradients in another order; null for one.</param>
internal sealed record RunIdentity(
    JsonObject Settings,
    IReadOnlyDictionary<string, string> Inputs,
    string? Device = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Ranks = null)
{
    /// <summary>The file in a run folder.</summary>
    public const string FileName = "identity.json";

    private static readonly string[] Free =
        ["device", "export", "save_type", "keep_checkpoints", "log_every", "alarms", "max_kl", "sample_every"];

    private static readonly string[] FreeInRewards = ["url", "api_key_file", "timeout_seconds", "retries"];
    private static readonly string[] FreeInRollouts = ["engine", "service", "api_key_file", "timeout_seconds", "retries"]; // the tokens are the same
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>The identity of a run of this recipe on these inputs by so many processes.</summary>
    public static RunIdentity Of(object recipe, IEnumerable<RunInput> inputs, int ranks = 1)
    {
        string device = (recipe as TrainingRecipe)?.Device.Split(':')[0] ?? "cpu";
        var settings = (JsonObject)JsonNode.Parse(RecipeReader.Write(recipe))!;
        foreach (string key in Free)
        {
            settings.Remove(key);
        }

        return new RunIdentity(settings, inputs.ToDictionary(input => input.Name, input => input.Hash), device, ranks > 1 ? ranks : null);
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

    /// <summary>Refuses to resume a run with other settings or inputs, or on another device. The error names each difference.</summary>
    /// <typeparam name="T">The recipe's record; it fills in settings that an older version did not have.</typeparam>
    /// <exception cref="BadInputException">A setting or input differs from the start of the run.</exception>
    public void RequireSame<T>(RunFolder run)
        where T : class
    {
        RunIdentity before = Read(run);
        JsonObject settings = Of(RecipeReader.Parse<T>(before.Settings.ToJsonString(), run.File(FileName), []), []).Settings;
        IReadOnlyList<string> changes = JsonDifferences.Of(WithoutEndpoints(settings), WithoutEndpoints(Settings));
        if (changes.Count > 0)
        {
            throw new BadInputException(
                $"The recipe of {run.Path} has changed: {string.Join("; ", changes)}. The run could not continue exactly. "
                + "Give the recipe and --set options it began with, or start a new run.");
        }

        string[] inputs =
        [
            .. before.Inputs.Keys.Union(Inputs.Keys)
                .Where(name => before.Inputs.GetValueOrDefault(name) != Inputs.GetValueOrDefault(name))
                .Select(name => !Inputs.ContainsKey(name) ? $"{name} (now missing)" : !before.Inputs.ContainsKey(name) ? $"{name} (not there before)" : name),
        ];
        if (inputs.Length > 0)
        {
            throw new BadInputException(
                $"{string.Join(", ", inputs)} changed since {run.Path} was started. The run could not continue exactly. "
                + "Put the old content back, or start a new run.");
        }

        if (before.Device is not null && before.Device != Device)
        {
            throw new BadInputException(
                $"{run.Path} was started on {before.Device}, and the device is {Device} now. The run could not continue exactly. "
                + $"Resume it with --device {before.Device}, or start a new run.");
        }

        if ((before.Ranks ?? 1) != (Ranks ?? 1))
        {
            throw new BadInputException(
                $"{run.Path} was started with {before.Ranks ?? 1} processes, and there are {Ranks ?? 1} now. The run could not continue exactly. "
                + $"Resume it with as many (mpirun -n {before.Ranks ?? 1}), or start a new run.");
        }
    }

    /// <summary>Requires that all processes of a run have the same settings and inputs. The first one throws, which ends the job.</summary>
    /// <exception cref="BadInputException">Another process differs.</exception>
    public void RequireEqual(Ranks ranks)
    {
        string[] all = ranks.Gather(ToJson());
        int other = Array.FindIndex(all, text => text != all[0]);
        if (ranks.IsFirst && other > 0)
        {
            throw new BadInputException(
                $"Process {other} has other settings or inputs than process 0: {string.Join("; ", JsonDifferences.Of(JsonNode.Parse(all[0])!, JsonNode.Parse(all[other])!))}. "
                + "Give all processes the same recipe and files, for example on a shared file system.");
        }
    }

    /// <summary>
    /// A copy without the addresses of rewards and rollouts, their patience and the limit of the log-prob gap. The record keeps these, because a
    /// recipe without them is invalid.
    /// </summary>
    private static JsonObject WithoutEndpoints(JsonObject settings)
    {
        var copy = (JsonObject)settings.DeepClone();
        foreach (JsonObject reward in (copy["rewards"] as JsonArray ?? []).OfType<JsonObject>())
        {
            foreach (string key in FreeInRewards)
            {
                reward.Remove(key);
            }
        }

        foreach (string key in FreeInRollouts)
        {
            (copy["rollouts"] as JsonObject)?.Remove(key);
        }

        copy.Remove("max_logp_gap"); // bf16 demands a larger one than the default
        return copy;
    }
}
