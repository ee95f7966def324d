using System.Globalization;
using System.Text.Json;

namespace Rudder.Trainer.Runs;

/// <summary>The checkpoints of a run. Each is a complete folder <c>step-N</c>, verified by its <c>manifest.json</c>.</summary>
/// <remarks>
/// A checkpoint is written under a temporary name and then renamed. It is also renamed before it is deleted. So a folder named step-N
/// is complete even if the program is killed at any moment, and their parent exists only once there is one. A save at the same step as before
/// first sets the older folder aside as step-N.replaced; a kill between the two renames leaves it there, complete, and the next save or resume
/// takes it back. The next save removes leftovers under other names.
/// </remarks>
internal static class CheckpointFolder
{
    private const string StateFile = "state.json";
    private const string ManifestFile = "manifest.json";
    private const string Prefix = "step-";
    private const string Replaced = ".replaced";

    private static readonly JsonSerializerOptions Strict = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>Saves a checkpoint and removes the oldest beyond <paramref name="keep"/>.</summary>
    /// <param name="run">The run.</param>
    /// <param name="state">The run's progress.</param>
    /// <param name="keep">Checkpoints kept, newest first.</param>
    /// <param name="write">Writes the tensors into the given folder.</param>
    public static void Save(RunFolder run, TrainingState state, int keep, Action<string> write)
    {
        if (!Directory.Exists(run.Checkpoints))
        {
            SaveFirst(run, state, write);
            return;
        }

        Recover(run);
        foreach (string leftover in Directory.GetDirectories(run.Checkpoints).Where(folder => StepOf(folder) is null))
        {
            Directory.Delete(leftover, recursive: true);
        }

        string final = PathOf(run, state.Step);
        string temporary = final + ".tmp";
        Write(run, temporary, state, write);
        if (Directory.Exists(final))
        {
            Directory.Move(final, final + Replaced);
        }

        Directory.Move(temporary, final);
        Delete(final + Replaced);
        foreach (int old in Steps(run).Skip(keep).ToList())
        {
            Delete(PathOf(run, old));
        }
    }

    /// <summary>Finds the newest checkpoint and checks it against its manifest and the run's identity.</summary>
    /// <returns>Its folder and the run's progress; null if the run stopped before its first checkpoint.</returns>
    /// <exception cref="BadInputException">The checkpoint is damaged or belongs to another run, or all checkpoints are lost.</exception>
    public static (string Folder, TrainingState State)? OpenNewest(RunFolder run)
    {
        if (run.Ranks.IsFirst)
        {
            Recover(run);
        }

        int[] steps = [.. Steps(run)];
        if (steps.Length == 0)
        {
            return run.HasTrained
                ? throw new BadInputException($"{run.Path} has trained before, but its checkpoints are missing, so it cannot continue. Its model, if any, is unchanged; start a new run.")
                : null;
        }

        if (FindProblem(run, steps[0], out TrainingState state) is not { } problem)
        {
            return (PathOf(run, steps[0]), state);
        }

        int good = steps.Skip(1).FirstOrDefault(step => FindProblem(run, step, out _) is null, -1);
        throw new BadInputException($"{problem}. " + (good < 0
            ? "No sound checkpoint is left; start a new run."
            : $"Delete {PathOf(run, steps[0])} to resume from {Prefix}{good}, which is sound."));
    }

    /// <summary>Steps that have a checkpoint, newest first.</summary>
    public static IEnumerable<int> Steps(RunFolder run) =>
        Directory.Exists(run.Checkpoints)
            ? Directory.EnumerateDirectories(run.Checkpoints).Select(StepOf).OfType<int>().OrderDescending()
            : [];

    /// <summary>Takes back a checkpoint that was set aside for a newer one of the same step, which a kill kept from its place.</summary>
    private static void Recover(RunFolder run)
    {
        string[] aside = Directory.Exists(run.Checkpoints) ? Directory.GetDirectories(run.Checkpoints, Prefix + "*" + Replaced) : [];
        foreach (string folder in aside.Where(folder => !Directory.Exists(folder[..^Replaced.Length])))
        {
            Directory.Move(folder, folder[..^Replaced.Length]);
        }
    }

    /// <summary>Saves the first checkpoint. One rename brings it and its parent: a parent without checkpoints means that they were lost.</summary>
    private static void SaveFirst(RunFolder run, TrainingState state, Action<string> write)
    {
        string parent = run.Checkpoints + ".tmp";
        if (Directory.Exists(parent))
        {
            Directory.Delete(parent, recursive: true);
        }

        Write(run, Path.Combine(parent, Path.GetFileName(PathOf(run, state.Step))), state, write);
        Directory.Move(parent, run.Checkpoints);
    }

    /// <summary>Writes a complete checkpoint into a new folder.</summary>
    private static void Write(RunFolder run, string folder, TrainingState state, Action<string> write)
    {
        Directory.CreateDirectory(folder);
        write(folder);
        AtomicFile.WriteText(Path.Combine(folder, StateFile), JsonSerializer.Serialize(state, Strict));
        var hashes = Directory.GetFiles(folder).Order(StringComparer.Ordinal).ToDictionary(file => Path.GetFileName(file), FileHash.Sha256);
        var manifest = new Manifest(FileHash.Sha256(run.File(RunIdentity.FileName)), state, hashes);
        AtomicFile.WriteText(Path.Combine(folder, ManifestFile), JsonSerializer.Serialize(manifest, Strict));
    }

    /// <summary>Describes damage to a checkpoint and names the file; null if every byte is as written.</summary>
    private static string? FindProblem(RunFolder run, int step, out TrainingState state)
    {
        string folder = PathOf(run, step);
        state = TrainingState.Start;
        try
        {
            Manifest manifest = Read<Manifest>(folder, ManifestFile);
            string[] files = [.. Directory.GetFiles(folder).Select(file => Path.GetFileName(file)).Where(name => name != ManifestFile)];
            if (manifest.Files.Keys.Except(files).FirstOrDefault() is { } missing)
            {
                return $"{Path.Combine(folder, missing)} is missing";
            }

            if (files.FirstOrDefault(name => manifest.Files.GetValueOrDefault(name) != FileHash.Sha256(Path.Combine(folder, name))) is { } changed)
            {
                return $"{Path.Combine(folder, changed)} differs from its SHA-256 in {ManifestFile}";
            }

            state = Read<TrainingState>(folder, StateFile);
            if (state != manifest.Training || state.Step != step)
            {
                return $"{Path.Combine(folder, ManifestFile)} has other counters than {StateFile} or the folder's name";
            }

            return manifest.Identity == FileHash.Sha256(run.File(RunIdentity.FileName))
                ? null
                : $"{folder} belongs to another run, or {run.File(RunIdentity.FileName)} was edited";
        }
        catch (Exception damage) when (damage is JsonException or FileNotFoundException)
        {
            return $"{folder} is damaged or was written by an older version ({damage.Message})";
        }
    }

    private static T Read<T>(string folder, string file)
        where T : class =>
        JsonSerializer.Deserialize<T>(File.ReadAllText(Path.Combine(folder, file)), Strict) ?? throw new JsonException($"{file} holds null");

    private static string PathOf(RunFolder run, int step) => Path.Combine(run.Checkpoints, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step}"));

    private static int? StepOf(string folder) =>
        Path.GetFileName(folder) is var name && name.StartsWith(Prefix, StringComparison.Ordinal)
        && int.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int step) ? step : null;

    /// <summary>Renames the folder before deleting it: a killed program then leaves nothing that looks like a checkpoint.</summary>
    private static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            string retired = folder + ".old";
            Directory.Move(folder, retired);
            Directory.Delete(retired, recursive: true);
        }
    }

    /// <summary>The expected content of a checkpoint.</summary>
    /// <param name="Identity">SHA-256 of the run's identity.json.</param>
    /// <param name="Training">The counters, as in state.json.</param>
    /// <param name="Files">SHA-256 of every other file by its name.</param>
    private sealed record Manifest(string Identity, TrainingState Training, IReadOnlyDictionary<string, string> Files);
}
