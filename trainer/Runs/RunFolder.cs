using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Runs;

/// <summary>The folder of a run: recipe, environment, metrics, checkpoints, model and, written last, done.json.</summary>
internal sealed class RunFolder : IDisposable
{
    private const string RecipeName = "recipe.json";
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly FolderLock? _held;

    private RunFolder(string path, RunRequest request, FolderLock? held)
    {
        Path = path;
        Resumed = request.Resume is not null;
        Ranks = request.Ranks;
        _held = held;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Whether this resumes an earlier run.</summary>
    public bool Resumed { get; }

    /// <summary>The processes of the run. Only the first one writes into the folder; the others read from it.</summary>
    public Ranks Ranks { get; }

    /// <summary>Checkpoints, one folder each.</summary>
    public string Checkpoints => File("checkpoints");

    /// <summary>The finished model.</summary>
    public string Model => File("model");

    /// <summary>Metrics, one JSON object per line.</summary>
    public string Metrics => File("metrics.jsonl");

    /// <summary>Marks a finished run; written last.</summary>
    public string Done => File("done.json");

    /// <summary>Whether the run has saved anything that would conflict with another recipe, other data or a fresh start.</summary>
    public bool HasTrained =>
        System.IO.File.Exists(Done) || Directory.Exists(Model) || Directory.Exists(Checkpoints);

    /// <summary>Creates the folder, or opens the one to resume, and locks it against other programs until disposal.</summary>
    /// <exception cref="BadInputException">The folder is in use, not empty (new run), or holds no run (resume).</exception>
    public static RunFolder Open(RunRequest request, string name, int seed)
    {
        string stamp = request.Clock.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        string path = request.Resume ?? request.Output
            ?? System.IO.Path.Combine("runs", string.Create(CultureInfo.InvariantCulture, $"{stamp}-{name}-s{seed}"));
        bool resumed = request.Resume is not null;
        if (resumed && !System.IO.File.Exists(System.IO.Path.Combine(path, RecipeName)))
        {
            throw new BadInputException($"--resume {path}: the folder holds no run ({RecipeName} is missing). Check the path.");
        }

        Directory.CreateDirectory(path);
        FolderLock held = FolderLock.TryTake(path, out string? other)
            ?? throw new BadInputException($"The run folder {path} is in use by {other}. Wait for it to end, or give another --output.");
        if (!resumed && Directory.EnumerateFileSystemEntries(path).Any(entry => !FolderLock.Owns(entry)))
        {
            held.Dispose();
            throw new BadInputException($"The run folder {path} is not empty. Give another --output, or continue that run with --resume {path}.");
        }

        if (other is not null)
        {
            request.Progress.WriteLine($"{path}: {other} was killed and left this run unfinished");
        }

        return new RunFolder(path, request, held);
    }

    /// <summary>The folder that the first process of the run has opened, for the others.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="request">The request of this process.</param>
    public static RunFolder Follow(string path, RunRequest request) => new(path, request, held: null);

    /// <summary>A path inside the folder.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes the resolved recipe and the environment. A resumed run must have the same recipe and inputs as before.</summary>
    /// <typeparam name="T">The recipe's record.</typeparam>
    public void WriteStart<T>(T recipe, RunRequest request, int threads, IEnumerable<RunInput> inputs)
        where T : class
    {
        var identity = RunIdentity.Of(recipe, inputs, Ranks.Count);
        identity.RequireEqual(Ranks);
        if (!Ranks.IsFirst)
        {
            return;
        }

        if (Resumed && HasTrained)
        {
            identity.RequireSame<T>(this);
        }
        else
        {
            AtomicFile.WriteText(File(RunIdentity.FileName), identity.ToJson());
        }

        var environment = new Dictionary<string, object?>(RunEnvironment.Describe(request, (recipe as TrainingRecipe)?.Device ?? "cpu", threads));
        if (Resumed && RunEnvironment.CommandOf(this) is string command)
        {
            environment[RunEnvironment.Command] = command;
        }

        AtomicFile.WriteText(File(RecipeName), RecipeReader.Write(recipe));
        AtomicFile.WriteText(File(RunEnvironment.FileName), JsonSerializer.Serialize(environment, Indented));
    }

    /// <summary>Refuses to resume with another recipe, other inputs, another device or a damaged checkpoint, before any work is done.</summary>
    /// <typeparam name="T">The recipe's record.</typeparam>
    public void RequireResumable<T>(T recipe, IEnumerable<RunInput> inputs)
        where T : class
    {
        if (Resumed && HasTrained)
        {
            RunIdentity.Of(recipe, inputs, Ranks.Count).RequireSame<T>(this);
            if (Ranks.IsFirst)
            {
                CheckpointFolder.OpenNewest(this); // the only process that moves folders
            }

            Ranks.Any(false); // the others wait for it
            if (!Ranks.IsFirst)
            {
                CheckpointFolder.OpenNewest(this);
            }
        }
    }

    /// <summary>The thread count that a resumed run began with; null for a new run, or if it had saved nothing yet.</summary>
    /// <exception cref="BadInputException">The recorded value is not a number.</exception>
    public int? ThreadsBefore()
    {
        if (!Resumed || !HasTrained || RunIdentity.Read(this).Settings["threads"] is not { } recorded)
        {
            return null;
        }

        return recorded is JsonValue value && value.TryGetValue(out int threads)
            ? threads
            : throw new BadInputException($"{File(RunIdentity.FileName)}: threads is {recorded.ToJsonString()}, not a number. The file was edited; start a new run.");
    }

    /// <summary>Marks the run as finished.</summary>
    /// <param name="fingerprint">The model folder's fingerprint, or the tokenizer file's.</param>
    /// <param name="final">The final metrics.</param>
    public void WriteDone(string fingerprint, IReadOnlyDictionary<string, object> final) =>
        AtomicFile.WriteText(Done, JsonSerializer.Serialize(new { model = "model", fingerprint, final }, Indented));

    /// <summary>Releases the folder to other programs.</summary>
    public void Dispose() => _held?.Dispose();
}
