using System.Globalization;
using System.Text.Json;
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

    /// <summary>Creates the folder, or opens the one to resume.</summary>
    /// <param name="request">The command line.</param>
    /// <param name="name">The recipe's name.</param>
    /// <param name="seed">The recipe's seed.</param>
    public static RunFolder Open(RunRequest request, string name, int seed)
    {
        if (request.Resume is string old)
        {
            if (!Directory.Exists(System.IO.Path.Combine(old, "checkpoints")))
            {
                throw new BadInputException($"--resume {old}: there is no run with checkpoints in that folder.");
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

    /// <summary>Writes the resolved recipe and what it runs on. A resumed run must have the recipe it began with.</summary>
    public void WriteStart(object recipe, RunRequest request, int threads)
    {
        string text = RecipeReader.Write(recipe);
        if (Resumed && System.IO.File.Exists(File("recipe.json")))
        {
            RequireSameRecipe(text);
        }
        else
        {
            AtomicFile.WriteText(File("recipe.json"), text);
        }

        AtomicFile.WriteText(File("environment.json"), JsonSerializer.Serialize(RunEnvironment.Describe(request, threads), Indented));
    }

    /// <summary>Marks the run as finished.</summary>
    /// <param name="fingerprint">The model folder's fingerprint, or the tokenizer file's.</param>
    /// <param name="final">Last metrics.</param>
    public void WriteDone(string fingerprint, IReadOnlyDictionary<string, object> final) =>
        AtomicFile.WriteText(Done, JsonSerializer.Serialize(new { model = "model", fingerprint, final }, Indented));

    private void RequireSameRecipe(string text)
    {
        string path = File("recipe.json");
        if (System.IO.File.ReadAllText(path) != text)
        {
            throw new BadInputException(
                $"{path} differs from the recipe given now, so the run could not continue exactly. Give the same recipe and --set options, or start a new run.");
        }
    }
}
