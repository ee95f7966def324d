using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Checkpoints;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Runs;

/// <summary>The folder a run leaves behind: recipe, environment, metrics, checkpoints, model and, last of all, done.json.</summary>
internal sealed class RunFolder
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private RunFolder(string path, bool resumed)
    {
        Path = path;
        Resumed = resumed;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Whether an earlier run is being continued.</summary>
    public bool Resumed { get; }

    /// <summary>Checkpoints, one folder a step.</summary>
    public string Checkpoints => File("checkpoints");

    /// <summary>The finished model.</summary>
    public string Model => File("model");

    /// <summary>One JSON object a line.</summary>
    public string Metrics => File("metrics.jsonl");

    /// <summary>Present only when everything else is.</summary>
    public string Done => File("done.json");

    /// <summary>Whether the run has saved anything that another recipe, other data or a new beginning would contradict.</summary>
    public bool HasTrained =>
        System.IO.File.Exists(Done) || Directory.Exists(Model) || (Directory.Exists(Checkpoints) && !WasKilledInItsFirstSave());

    /// <summary>Creates the folder, or opens the one to resume.</summary>
    /// <param name="request">The command line.</param>
    /// <param name="name">The recipe's name.</param>
    /// <param name="seed">The recipe's seed.</param>
    public static RunFolder Open(RunRequest request, string name, int seed)
    {
        if (request.Resume is string old)
        {
            if (!System.IO.File.Exists(System.IO.Path.Combine(old, "recipe.json")))
            {
                throw new BadInputException($"--resume {old}: there is no run in that folder (no recipe.json).");
            }

            return new RunFolder(old, resumed: true);
        }

        string stamp = request.Clock.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        string path = request.Output ?? System.IO.Path.Combine("runs", string.Create(CultureInfo.InvariantCulture, $"{stamp}-{name}-s{seed}"));
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
        {
            throw new BadInputException($"The run folder {path} is not empty. Give another --output, or continue that run with --resume {path}.");
        }

        Directory.CreateDirectory(path);
        return new RunFolder(path, resumed: false);
    }

    /// <summary>A path inside the folder.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes the resolved recipe and what it runs on. A resumed run must be trained by the recipe it began with.</summary>
    /// <typeparam name="T">The recipe's record.</typeparam>
    /// <param name="recipe">The recipe, every default filled in.</param>
    /// <param name="request">The command line.</param>
    /// <param name="threads">Threads in use.</param>
    /// <param name="inputs">What the run reads.</param>
    public void WriteStart<T>(T recipe, RunRequest request, int threads, IEnumerable<RunInput> inputs)
        where T : class
    {
        if (Resumed && HasTrained)
        {
            RequireSameTraining(recipe);
        }

        RunInputs.Keep(this, inputs);
        AtomicFile.WriteText(File("recipe.json"), RecipeReader.Write(recipe));
        var environment = new Dictionary<string, object?>(RunEnvironment.Describe(request, threads));
        if (Resumed && CommandBefore() is string command)
        {
            environment[RunEnvironment.Command] = command;
        }

        AtomicFile.WriteText(File(RunEnvironment.FileName), JsonSerializer.Serialize(environment, Indented));
    }

    /// <summary>Marks the run as finished.</summary>
    /// <param name="fingerprint">The model folder's fingerprint, or the tokenizer file's.</param>
    /// <param name="final">Last metrics.</param>
    public void WriteDone(string fingerprint, IReadOnlyDictionary<string, object> final) =>
        AtomicFile.WriteText(Done, JsonSerializer.Serialize(new { model = "model", fingerprint, final }, Indented));

    /// <summary>Whether the checkpoints' folder holds nothing but a checkpoint under its temporary name. One that was emptied was not: the run did save.</summary>
    private bool WasKilledInItsFirstSave()
    {
        string[] saved = Directory.GetDirectories(Checkpoints);
        return saved.Length > 0 && Array.TrueForAll(saved, folder => folder.EndsWith(".tmp", StringComparison.Ordinal));
    }

    /// <summary>The command that began the run; what resumes it names only the folder.</summary>
    private string? CommandBefore() =>
        System.IO.File.Exists(File(RunEnvironment.FileName))
            ? (string?)JsonNode.Parse(System.IO.File.ReadAllText(File(RunEnvironment.FileName)))?[RunEnvironment.Command]
            : null;

    private void RequireSameTraining<T>(T recipe)
        where T : class
    {
        string path = File("recipe.json");
        JsonObject before = Training(RecipeReader.Read<T>(path, []));
        JsonObject now = Training(recipe);
        string[] changed = [.. before.Select(p => p.Key).Union(now.Select(p => p.Key)).Where(key => !JsonNode.DeepEquals(before[key], now[key]))];
        if (changed.Length > 0)
        {
            throw new BadInputException(
                $"{path} differs from the recipe given now in {string.Join(", ", changed)}, so the run could not continue exactly. Give the same recipe and --set options, or start a new run.");
        }
    }

    /// <summary>The settings that decide the weights: what is saved, exported, kept and logged may change between two parts of a run.</summary>
    private static JsonObject Training(object recipe)
    {
        var settings = (JsonObject)JsonNode.Parse(RecipeReader.Write(recipe))!;
        foreach (string key in (string[])["export", "save_type", "keep_checkpoints", "log_every"])
        {
            settings.Remove(key);
        }

        return settings;
    }
}
